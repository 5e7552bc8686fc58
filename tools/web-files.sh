#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# web-files.sh - the list that src/web/web.c embeds: a line for each file of
# the dashboard, with its path, type, size and hash.
set -euo pipefail
cd "$(dirname "$0")/.."

type_of() {
    case $1 in
    *.html) echo 'text/html; charset=utf-8' ;;
    *.css) echo 'text/css; charset=utf-8' ;;
    *.js) echo 'text/javascript; charset=utf-8' ;;
    *.svg) echo 'image/svg+xml' ;;
    *)
        echo "web-files.sh: $1: no type for its ending" >&2
        exit 1
        ;;
    esac
}

printf '/* SPDX-License-Identifier: Apache-2.0 */\n'
printf '/* Made by tools/web-files.sh: symbol, file, path, type, size, hash. */\n'
printf '#define WEB_FILES(X) \\\n'
for file in src/web/*.{html,css,js,svg}; do
    name=${file##*/}
    path=/$name
    [[ $name != index.html ]] || path=/
    type=$(type_of "$name")
    hash=$(sha256sum "$file")
    printf '    X(%s, "%s", "%s", "%s", %d, "%s") \\\n' "${name//[.-]/_}" \
        "$file" "$path" "$type" "$(stat -c %s "$file")" "${hash:0:32}"
done
echo
