# SPDX-License-Identifier: Apache-2.0
# uses.awk - prints, for each C file named, which modules of src a program made
# of it links: those it includes and all below them in src/LAYERS.
#
# One word for each file, for make to split at the carets:
#     USES_tests/unit/ipld/test_cid.c:=^base^crypto^ipld
#
# Usage: awk -f tools/uses.awk src/LAYERS FILE.c ...

FILENAME == ARGV[1] {
    if (/^[a-z]+:/) {
        module = substr($1, 1, length($1) - 1)
        order[++module_count] = module
        for (i = 2; i <= NF; i++)
            below[module, $i] = 1
    }
    next
}

FNR == 1 {
    files[++file_count] = FILENAME
    # The test of a module links it even if it only includes a public header.
    if (split(FILENAME, part, "/") == 4 && part[2] == "unit")
        uses[FILENAME, part[3]] = 1
}

/^#include "[a-z]+\// {
    split($2, part, /["\/]/)
    uses[FILENAME, part[2]] = 1
}
/^#include [<"]ipvm\.h/ { uses[FILENAME, "lib"] = 1 }

END {
    for (f = 1; f <= file_count; f++) {
        line = "USES_" files[f] ":="
        for (m = 1; m <= module_count; m++)
            if (is_used(files[f], order[m]))
                line = line "^" order[m]
        print line
    }
}

function is_used(file, module,    k)
{
    for (k = 1; k <= module_count; k++)
        if (uses[file, order[k]] &&
            (order[k] == module || below[order[k], module]))
            return 1
    return 0
}
