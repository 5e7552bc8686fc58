/* SPDX-License-Identifier: Apache-2.0 */
/* big.c - about 300 KiB of code that somebody might really run: Debian's
 * libstb, most of it. */
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_TRUETYPE_IMPLEMENTATION
#define STB_DXT_IMPLEMENTATION
#define STB_PERLIN_IMPLEMENTATION
#define STB_VORBIS_NO_STDIO
#include <string.h>

#include <stb_dxt.h>
#include <stb_image.h>
#include <stb_image_resize.h>
#include <stb_image_write.h>
#include <stb_perlin.h>
#include <stb_truetype.h>
#include <stb_vorbis.h>

#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("add") int64_t add(int64_t a, int64_t b)
{
    return a + b;
}

EXPORT("decode") void *decode(const uint8_t *data, int len)
{
    int width, height, channels;
    return stbi_load_from_memory(data, len, &width, &height, &channels, 4);
}

EXPORT("decode-deep") void *decode_deep(const uint8_t *data, int len)
{
    int width, height, channels;
    return stbi_load_16_from_memory(data, len, &width, &height, &channels, 4);
}

EXPORT("decode-light") void *decode_light(const uint8_t *data, int len)
{
    int width, height, channels;
    return stbi_loadf_from_memory(data, len, &width, &height, &channels, 4);
}

static void keep(void *context, void *data, int len)
{
    *(int *)context += len + *(uint8_t *)data;
}

EXPORT("encode") int encode(const void *data, int width, int height)
{
    int sum = 0;
    stbi_write_png_to_func(keep, &sum, width, height, 4, data, width * 4);
    stbi_write_jpg_to_func(keep, &sum, width, height, 4, data, 90);
    stbi_write_bmp_to_func(keep, &sum, width, height, 4, data);
    stbi_write_tga_to_func(keep, &sum, width, height, 4, data);
    return sum;
}

EXPORT("resize") int resize(const uint8_t *from, uint8_t *to, int side)
{
    return stbir_resize(from, side, side, 0, to, side * 2, side * 2, 0,
                        STBIR_TYPE_UINT8, 4, 3, 0, STBIR_EDGE_CLAMP,
                        STBIR_EDGE_WRAP, STBIR_FILTER_MITCHELL,
                        STBIR_FILTER_CATMULLROM, STBIR_COLORSPACE_SRGB, NULL);
}

EXPORT("letters") uint8_t *letters(const uint8_t *font, int letter)
{
    stbtt_fontinfo info;
    stbtt_pack_context pack;
    int width, height;
    if (!stbtt_InitFont(&info, font, 0) ||
        !stbtt_PackBegin(&pack, (unsigned char *)font, 64, 64, 0, 1, NULL))
        return NULL;
    stbtt_PackFontRange(&pack, font, 0, 12, letter, 1, NULL);
    stbtt_PackEnd(&pack);
    return stbtt_GetCodepointSDF(&info, 0.1f, letter, 4, 128, 20, &width,
                                 &height, NULL, NULL);
}

EXPORT("squeeze") void squeeze(uint8_t *to, const uint8_t *from)
{
    stb_compress_dxt_block(to, from, 1, STB_DXT_HIGHQUAL);
    stb_compress_bc4_block(to, from);
    stb_compress_bc5_block(to, from);
}

EXPORT("noise") double noise(double x, double y)
{
    return (double)stb_perlin_turbulence_noise3((float)x, (float)y, 1, 2, 0.5f,
                                                6) +
           (double)stb_perlin_ridge_noise3((float)x, (float)y, 1, 2, 0.5f, 1,
                                           6);
}

EXPORT("listen") int listen(const uint8_t *data, int len)
{
    short *sound;
    int channels, rate;
    return stb_vorbis_decode_memory(data, len, &channels, &rate, &sound);
}
