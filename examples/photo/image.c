/* SPDX-License-Identifier: Apache-2.0 */
/* image.c - pictures as pure functions: see image.wit. A guest with WIT types,
 * around Debian's libstb. */
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb_image.h>
#include <stb_image_resize.h>
#include <stb_image_write.h>

#include <math.h>

#include "ipvm_wit.h"

enum {
    CHANNELS = 4,
    SIDE_MAX = 16384,
    SHEET_CELL = 160,
    SHEET_GAP = 8,
};

struct picture {
    uint8_t *pixels; /* RGBA, row by row */
    int width, height;
};

/* NULL, or what is wrong. */
static const char *decode(const uint8_t *data, uint32_t len,
                          struct picture *out)
{
    int channels;
    out->pixels = stbi_load_from_memory(data, (int)len, &out->width,
                                        &out->height, &channels, CHANNELS);
    if (!out->pixels)
        return stbi_failure_reason();
    if (out->width > SIDE_MAX || out->height > SIDE_MAX)
        return "the picture is larger than 16384 pixels a side";
    return NULL;
}

static struct picture blank(int width, int height)
{
    struct picture picture = {
        malloc((size_t)width * (size_t)height * CHANNELS), width, height};
    if (!picture.pixels)
        __builtin_trap();
    return picture;
}

static uint8_t *pixel(const struct picture *picture, int x, int y)
{
    return picture->pixels +
           ((size_t)y * (size_t)picture->width + (size_t)x) * CHANNELS;
}

static const WitResult *encode(const struct picture *picture)
{
    int len;
    uint8_t *png =
        stbi_write_png_to_mem(picture->pixels, picture->width * CHANNELS,
                              picture->width, picture->height, CHANNELS, &len);
    return png ? wit_ok(png, (size_t)len) : wit_error("the PNG is too large");
}

WIT_EXPORT("crop")
const WitResult *crop(const uint8_t *image, uint32_t len, uint32_t x,
                      uint32_t y, uint32_t width, uint32_t height)
{
    struct picture in;
    const char *wrong = decode(image, len, &in);
    if (wrong)
        return wit_error(wrong);
    if (width == 0 || height == 0)
        return wit_error("the part to cut out is empty");
    if (x >= (uint32_t)in.width || width > (uint32_t)in.width - x ||
        y >= (uint32_t)in.height || height > (uint32_t)in.height - y)
        return wit_error("the part to cut out is not inside the picture");
    struct picture out = blank((int)width, (int)height);
    for (int row = 0; row < out.height; row++)
        memcpy(pixel(&out, 0, row), pixel(&in, (int)x, (int)y + row),
               (size_t)width * CHANNELS);
    return encode(&out);
}

WIT_EXPORT("rotate90")
const WitResult *rotate90(const uint8_t *image, uint32_t len)
{
    struct picture in;
    const char *wrong = decode(image, len, &in);
    if (wrong)
        return wit_error(wrong);
    struct picture out = blank(in.height, in.width);
    for (int y = 0; y < in.height; y++)
        for (int x = 0; x < in.width; x++)
            memcpy(pixel(&out, in.height - 1 - y, x), pixel(&in, x, y),
                   CHANNELS);
    return encode(&out);
}

WIT_EXPORT("grayscale")
const WitResult *grayscale(const uint8_t *image, uint32_t len)
{
    struct picture in;
    const char *wrong = decode(image, len, &in);
    if (wrong)
        return wit_error(wrong);
    size_t count = (size_t)in.width * (size_t)in.height;
    for (uint8_t *at = in.pixels; count > 0; count--, at += CHANNELS) {
        /* Rec. 709 luma, in integers: equal everywhere. */
        int luma = (at[0] * 13933 + at[1] * 46871 + at[2] * 4732) >> 16;
        at[0] = at[1] = at[2] = (uint8_t)luma;
    }
    return encode(&in);
}

enum { BLUR_REACH_MAX = 3 * 64 };

/* One pass along rows (step one pixel) or columns (step one row). */
static void blur_pass(const struct picture *in, struct picture *out,
                      const float *weights, int reach, int horizontal)
{
    for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++) {
            float sum[CHANNELS] = {0, 0, 0, 0};
            for (int k = -reach; k <= reach; k++) {
                int xx = horizontal ? x + k : x, yy = horizontal ? y : y + k;
                xx = xx < 0 ? 0 : xx >= in->width ? in->width - 1 : xx;
                yy = yy < 0 ? 0 : yy >= in->height ? in->height - 1 : yy;
                const uint8_t *at = pixel(in, xx, yy);
                float weight = weights[k < 0 ? -k : k];
                for (int c = 0; c < CHANNELS; c++)
                    sum[c] += weight * at[c];
            }
            for (int c = 0; c < CHANNELS; c++)
                pixel(out, x, y)[c] = (uint8_t)(sum[c] + 0.5F);
        }
}

WIT_EXPORT("blur")
const WitResult *blur(const uint8_t *image, uint32_t len, float sigma)
{
    struct picture in;
    float weights[BLUR_REACH_MAX + 1], total = 0;
    if (!(sigma > 0 && sigma <= 64))
        return wit_error("sigma is not more than 0 and at most 64");
    const char *wrong = decode(image, len, &in);
    if (wrong)
        return wit_error(wrong);
    int reach = (int)ceilf(sigma * 3);
    for (int k = 0; k <= reach; k++) {
        weights[k] = expf(-(float)(k * k) / (2 * sigma * sigma));
        total += k == 0 ? weights[k] : 2 * weights[k];
    }
    for (int k = 0; k <= reach; k++)
        weights[k] /= total;
    struct picture half = blank(in.width, in.height);
    blur_pass(&in, &half, weights, reach, 1);
    blur_pass(&half, &in, weights, reach, 0);
    return encode(&in);
}

static int scale(const struct picture *in, const struct picture *out)
{
    return stbir_resize_uint8(in->pixels, in->width, in->height, 0,
                              out->pixels, out->width, out->height, 0,
                              CHANNELS);
}

WIT_EXPORT("resize")
const WitResult *resize(const uint8_t *image, uint32_t len, uint32_t width,
                        uint32_t height)
{
    struct picture in;
    if (width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX)
        return wit_error("a side is not from 1 to 16384 pixels");
    const char *wrong = decode(image, len, &in);
    if (wrong)
        return wit_error(wrong);
    struct picture out = blank((int)width, (int)height);
    return scale(&in, &out) ? encode(&out) : wit_error("cannot resize");
}

/* Scales a picture into its cell, keeping its shape. */
static void place(struct picture *sheet, const struct picture *in, int left,
                  int top)
{
    int width = SHEET_CELL, height = SHEET_CELL;
    if (in->width > in->height)
        height = in->height * SHEET_CELL / in->width;
    else
        width = in->width * SHEET_CELL / in->height;
    struct picture small =
        blank(width > 0 ? width : 1, height > 0 ? height : 1);
    if (!scale(in, &small))
        return;
    left += (SHEET_CELL - small.width) / 2;
    top += (SHEET_CELL - small.height) / 2;
    for (int row = 0; row < small.height; row++)
        memcpy(pixel(sheet, left, top + row), pixel(&small, 0, row),
               (size_t)small.width * CHANNELS);
    free(small.pixels);
}

WIT_EXPORT("contact-sheet")
const WitResult *contact_sheet(const WitBytes *images, uint32_t count,
                               uint32_t columns)
{
    if (count == 0 || count > 1000 || columns == 0)
        return wit_error("a sheet has 1 to 1000 pictures in at least a column");
    if (columns > count)
        columns = count;
    int rows = (int)((count + columns - 1) / columns);
    struct picture sheet =
        blank((int)columns * (SHEET_CELL + SHEET_GAP) + SHEET_GAP,
              rows * (SHEET_CELL + SHEET_GAP) + SHEET_GAP);
    memset(sheet.pixels, 0xf4,
           (size_t)sheet.width * (size_t)sheet.height * CHANNELS);
    for (uint32_t index = 0; index < count; index++) {
        struct picture in;
        const char *wrong =
            decode(images[index].data, images[index].len, &in);
        if (wrong)
            return wit_error(wrong);
        place(&sheet, &in,
              SHEET_GAP + (int)(index % columns) * (SHEET_CELL + SHEET_GAP),
              SHEET_GAP + (int)(index / columns) * (SHEET_CELL + SHEET_GAP));
        stbi_image_free(in.pixels);
    }
    return encode(&sheet);
}

struct growing {
    uint8_t *data;
    size_t len, room;
};

static void take(void *context, void *data, int len)
{
    struct growing *out = context;
    if (out->room - out->len < (size_t)len) {
        out->room = out->room * 2 + (size_t)len;
        out->data = realloc(out->data, out->room);
        if (!out->data)
            __builtin_trap();
    }
    memcpy(out->data + out->len, data, (size_t)len);
    out->len += (size_t)len;
}

WIT_EXPORT("to-jpeg")
const WitResult *to_jpeg(const uint8_t *image, uint32_t len, uint32_t quality)
{
    struct picture in;
    struct growing out = {0, 0, 0};
    if (quality < 1 || quality > 100)
        return wit_error("quality is not from 1 to 100");
    const char *wrong = decode(image, len, &in);
    if (wrong)
        return wit_error(wrong);
    if (!stbi_write_jpg_to_func(take, &out, in.width, in.height, CHANNELS,
                                in.pixels, (int)quality))
        return wit_error("cannot write JPEG");
    return wit_ok(out.data, out.len);
}
