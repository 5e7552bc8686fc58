#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The examples run, a second time from the memo; every way to hand work in and
# to take results out; every engine and runner gives the same results; what a
# person sees on a terminal and off it.
source "$(dirname "$0")/lib.sh"

photo=$ROOT/examples/photo
image=$photo/image.wasm words=$ROOT/examples/words/words.wasm
primes=$ROOT/examples/primes/primes.wasm
add_one=$ROOT/examples/homestar/add_one.wasm
for guest in "$image" "$words" "$primes" "$add_one"; do
    [[ -f $guest ]] || {
        echo "not ok - $guest is not there: run make guests first"
        exit 1
    }
done

# The value of a Python expression over the JSON on the last command's stdout.
json() { python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$OUT" "$1" 2>&1; }

expect_json() {
    local got
    got=$(json "$1")
    if [[ $got == "$2" ]]; then
        ok "  its JSON has $1 = $2"
    else
        not_ok "  its JSON has $1 = $2" "it is $got"
    fi
}

# --- Examples ---------------------------------------------------------------

expect "the photo example runs" ipvm run "$photo/photo.yaml"
expect_match '^photo\.out/sheet\.png  baf'
expect_error 'photo: 13 ran, 0 from the memo'
expect_error '^  ✓ dream +ran +[0-9.]+ (us|ms|s)$'
expect_true "  the sheet is a PNG file" grep -q PNG photo.out/sheet.png
expect_true "  the small one a JPEG file" cmp -n 3 <(printf '\xff\xd8\xff') photo.out/small.jpg
first=$(cat "$OUT")
expect_true "  no temporary files are left" test "$(find photo.out -type f | wc -l)" = 3
inode=$(stat -c %i photo.out/sheet.png)
expect "it runs again" ipvm run "$photo/photo.yaml"
expect_output "$first"
expect_error 'photo: all from the memo'
expect_true "  files appear by rename" test "$(stat -c %i photo.out/sheet.png)" != "$inode"
strace_count() {
    strace -f -e trace=execve -o trace "$IPVM" run -n "$photo/photo.yaml" &&
        test "$(grep -c execve trace)" = 1
}
if command -v strace > /dev/null; then
    expect "  and starts no worker" strace_count
else
    skip "strace is missing: not seen that a cached run starts no worker"
fi

for example in words compress primes; do
    expect "the $example example runs" ipvm run "$ROOT/examples/$example/$example.yaml"
    first=$(cat "$OUT")
    expect "it runs again" ipvm run "$ROOT/examples/$example/$example.yaml"
    expect_output "$first"
    expect_error "$example: all from the memo"
done
expect_match '^primes  [0-9]+$'
expect "compress unpacks what it packed" ipvm run --json "$ROOT/examples/compress/compress.yaml"
expect_json '{o["label"]: o["value"] for o in j["outputs"]}["crc-before"] == {o["label"]: o["value"] for o in j["outputs"]}["crc-after"]' True
python3 -c 'import sys, zlib
sys.exit(zlib.decompress(open("compress.out/best", "rb").read()) != open("/usr/share/common-licenses/GPL-3", "rb").read())'
expect_true "  another zlib reads it" test $? = 0

# --- Outputs ----------------------------------------------------------------

expect "-o FILE for one output" ipvm run "$image" crop @"$photo/cat.png" 10 10 32 32 -o small.png
expect_true "  the file is there" grep -q PNG small.png
expect "-o - for standard output" ipvm run "$image" crop @"$photo/cat.png" 10 10 32 32 -o -
expect_true "  it is the same" cmp "$OUT" small.png
expect "bytes go down a pipe" ipvm run "$image" crop @"$photo/cat.png" 10 10 32 32
expect_true "  they are the same" cmp "$OUT" small.png
expect "-n writes no files" ipvm run -n "$image" crop @"$photo/cat.png" 10 10 32 32
expect_match '^bafkrei'
mkdir there
expect "-o DIRECTORY for one output" ipvm run "$image" crop @"$photo/cat.png" 10 10 32 32 -o there
expect_true "  the file is in it" cmp there/call.png small.png
expect "-o DIRECTORY for several" ipvm run "$photo/photo.yaml" -o pictures
expect_true "  three files" test "$(find pictures -type f | wc -l)" = 3
expect "-n for a workflow" ipvm run "$photo/photo.yaml" -n
expect_true "  CIDs only" test "$(grep -c '^[a-z-]*  baf' "$OUT")" = 3
expect_code 5 "a directory that cannot be made" ipvm run "$photo/photo.yaml" -o /proc/no/such
expect_error '/proc/no/such'
expect_code 5 "a full device" bash -c "'$IPVM' run '$photo/photo.yaml' -o - > /dev/full"
expect_error 'standard output'
: > file
expect_code 5 "a file where a directory is needed" ipvm run "$photo/photo.yaml" -o file
expect_error 'file'

# --- JSON -------------------------------------------------------------------

expect "run --json" ipvm run --json "$photo/photo.yaml" -o j
expect_json 'j["succeeded"]' True
expect_json '[o["file"] for o in j["outputs"]]' "['j/sheet.png', 'j/small.jpg', 'j/big-eye.png']"
expect_true "  with no progress" test ! -s "$ERR"
workflow=$(json 'j["workflow"]')
expect "values are values in JSON" ipvm run --json "$words" count 'a b a'
expect_json 'j["outputs"][0]["value"]' "{'a': 2, 'b': 1}"
expect "run by workflow CID" ipvm run --json -n "$workflow"
expect_json 'j["workflow"] == "'"$workflow"'" and j["succeeded"]' True
expect "add --json" ipvm add --json small.png
expect_json 'j["path"]' small.png
cid=$(json 'j["cid"]')
expect "get --json" ipvm get --json "$cid" -o again.png
expect_json 'j["file"], j["cid"] == "'"$cid"'"' "('again.png', True)"
expect_true "  gets what was added" cmp small.png again.png
expect "inspect --json" ipvm inspect --json "$image"
expect_json 'j["verdict"]' pure
expect "explain --json" ipvm explain --json "$photo/photo.yaml"
expect_json 'j["hits"]' 13
expect "graph --json" ipvm graph --json "$photo/photo.yaml"
expect_json 'sorted(e["from"] for e in j["edges"] if e["to"] == "grey-face")' "['face']"
expect "version --json" ipvm version --json
expect_json '"version" in j' True
expect "help --json" ipvm help --json
expect_json 'j["exit_codes"]["130"][:11]' interrupted
expect_code 4 "errors in JSON" ipvm run --json nowhere.yaml
expect_json 'j["error"]["code"], "nowhere.yaml" in j["error"]["message"]' '(4, True)'
expect_code 3 "whatever the word was" ipvm cat --json $'\xff\x1b[31m'
expect_json 'j["error"]["code"]' 3

# --- Words of a command line ------------------------------------------------

expect "a negative number is a word" ipvm run "$add_one" add-one -5
expect_output -4
expect "hexadecimal too" ipvm run "$add_one" add-one 0x10
expect_output 17
expect "a function by another spelling" ipvm run "$add_one" add_one 1
expect_output 2
expect_code 4 "an unknown function" ipvm run "$add_one" ad-one 1
expect_error 'did you mean add-one'
expect_code 3 "too many words" ipvm run "$add_one" add-one 1 2
expect_error 'takes 1 argument, 2 are given'
expect_code 1 "text for a number" ipvm run "$add_one" add-one one
expect_error 'argument 1: expected'
expect_code 3 "a number out of range" ipvm run "$add_one" add-one 99999999999999999999
expect_error 'argument 1: .*99999999999999999999'
expect "text from a file" ipvm run "$words" count @/usr/share/common-licenses/BSD
first=$(cat "$OUT")
expect "a value into a file" ipvm run "$words" count @/usr/share/common-licenses/BSD -o counts.json
expect_true "  as JSON" cmp -s counts.json <(printf %s "$first")
STDIN=/usr/share/common-licenses/BSD
expect "from standard input" ipvm run "$words" count -
expect_output "$first"
unset STDIN
expect "by CID" ipvm run "$words" count @"$(ipvm add -q /usr/share/common-licenses/BSD)"
expect_output "$first"
expect "--text makes all text" ipvm run "$words" count --text 12
expect_output '{}'
expect_code 1 "without it 12 is a number" ipvm run "$words" count 12
expect "-- ends options" ipvm run "$words" count -- --text
expect_output '{"text":1}'
expect_code 4 "a missing @file" ipvm run "$words" count @nowhere.txt
expect_error 'argument 1: .*nowhere.txt'
expect_code 2 "a module without a function" ipvm run "$words"
expect_error 'name a function'

# --- A manifest from elsewhere ----------------------------------------------

cp "$primes" p.wasm
cat > small.yaml << 'END'
ipvm: "1.0"
name: small
tasks:
  low: {run: "p.wasm#count", args: [0, 1000]}
  high: {run: "p.wasm#count", args: [1000, 2000]}
END
STDIN=small.yaml
expect "a manifest on standard input" ipvm run -
expect_match '^low  168$'
expect_match '^high  135$'
unset STDIN
sed 's/low/mean/; s/high/lean/' small.yaml > other.yaml
expect "other labels, the same work" ipvm run other.yaml
expect_error 'all from the memo'
cat > early.yaml << 'END'
ipvm: "1.0"
tasks:
  shout: {run: "p.wasm#count", args: [0, 1000]}
  half: {run: "p.wasm#count", args: [0, !ok shout]}
outputs: [half]
END
cat > cut.yaml << 'END'
ipvm: "1.0"
tasks:
  whisper: {run: "p.wasm#count", args: [1, 1000]}
  half: {run: "p.wasm#count", args: [0, !ok whisper]}
outputs: [half]
END
expect "a recipe" ipvm run early.yaml
expect "another recipe with equal results runs only its beginning" ipvm run cut.yaml
expect_error 'cut: 1 ran, 1 from the memo'
sed -i 's/\[1, 1000\]/[2, 1000]/' cut.yaml
expect "explain says what would run" ipvm explain cut.yaml
expect_match 'would run +whisper: .*args\[0\].*2.*1'

# --- Engines and runners ----------------------------------------------------

cat > face.yaml << END
ipvm: "1.0"
tasks:
  face: {run: "$image#crop", args: [!file $photo/cat.png, 130, 20, 64, 64]}
  turned: {run: "$image#rotate90", args: [!ok face]}
  soft: {run: "$image#blur", args: [!ok face, 2.5]}
  sheet: {run: "$image#contact-sheet", args: [[!ok face, !ok turned, !ok soft], 2]}
  words: {run: "$words#count", args: [!file /usr/share/common-licenses/BSD]}
  low: {run: "$primes#count", args: [0, 1000]}
outputs: [sheet, words, low]
END
expect "the default engine in workers" ipvm run -n face.yaml --store one
first=$(cat "$OUT")
store=two
for options in "--engine wasmi" --in-process "--in-process --engine wasmi" --cross-check -j1 --meter --no-memo; do
    store=$store.
    # shellcheck disable=SC2086 # several words
    expect "the same with $options" ipvm run -n face.yaml --store "$store" $options
    expect_output "$first"
    expect_error '6 ran, 0 from the memo'
done
expect "--no-memo runs all again" ipvm run -n face.yaml --store one --no-memo
expect_error '6 ran, 0 from the memo'
expect_code 2 "an unknown engine" ipvm run face.yaml --engine v8
expect_error 'wasmtime or wasmi'

# --- What a person sees -----------------------------------------------------

expect "--quiet says results only" ipvm run -q -n face.yaml --no-memo
expect_true "  nothing on stderr" test ! -s "$ERR"
expect "off a terminal there are plain lines" ipvm run -n face.yaml --no-memo
expect_true "  without escapes" bash -c "! grep -q $'\x1b' '$OUT' '$ERR'"
cat > failing.yaml << END
ipvm: "1.0"
tasks:
  face: {run: "$image#crop", args: [!file $photo/cat.png, 100000, 20, 64, 64]}
  turned: {run: "$image#rotate90", args: [!ok face]}
  low: {run: "$primes#count", args: [low, 1000]}
  high: {run: "$primes#count", args: [!ok low, 1000]}
  higher: {run: "$primes#count", args: [!ok high, 1000]}
  fine: {run: "$primes#count", args: [0, 1000]}
END
expect_code 1 "what fails stops only what needs it" ipvm run failing.yaml
expect_error '✗ face +error'
expect_error '✗ turned +error'
expect_error '✗ low +refused/argument'
expect_error '✗ high +blocked'
expect_error 'by low'
expect_match '^fine  168$'
expect_code 1 "--quiet says why there is no result" ipvm run -q "$add_one" add-one one
expect_error 'refused/argument'

# A terminal of so many columns, as a person sees it in the end.
cat > terminal.py << 'END'
import fcntl, os, pty, re, struct, sys, termios
columns, command = int(sys.argv[1]), sys.argv[2:]
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    os.execvp(command[0], command)
before = termios.tcgetattr(master)
data = b""
while True:
    try:
        more = os.read(master, 65536)
    except OSError:
        break
    if not more:
        break
    data += more
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
text, screen, row, column, seen = data.decode(), [[]], 0, 0, ""
for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.|\n|\r", text):
    if part.startswith("\x1b["):
        if part[-1] == "A":
            row = max(0, row - int(part[2:-1] or 1))
        elif part[-1] == "K":
            screen[row] = []
        elif part[-1] not in "m":
            sys.exit(f"unknown escape {part!r}")
        seen += "\n"
    elif part == "\n":
        row += 1
        seen += "\n"
    elif part == "\r":
        column = 0
    else:
        if column == columns:
            row, column = row + 1, 0
        while len(screen) <= row:
            screen.append([])
        line = screen[row]
        line.extend(" " * (column + 1 - len(line)))
        line[column] = part
        column += 1
        seen += part
    while len(screen) <= row:
        screen.append([])
print("colours" if re.search(r"\x1b\[3[0-9]m", text) else "plain")
print("live" if "▶" in seen and re.search(r"\d+/\d+", seen) else "still")
for line in screen:
    print("screen:", "".join(line).rstrip())
sys.exit(code)
END
for columns in 120 80 40; do
    expect "on a terminal of $columns columns" env -u NO_COLOR TERM=xterm \
        python3 terminal.py "$columns" "$IPVM" run -n "$photo/photo.yaml" --no-memo
    expect_match '^colours$'
    expect_match '^live$'
    expect_match '^screen:   ✓ dream +ran'
    expect_match '^screen: photo: 13 ran'
    expect_true "  the live part is gone in the end" bash -c "! grep -qE '^screen:.*(▶|█|░|[0-9]/[0-9])' '$OUT'"
    expect_true "  and every task has its line" test "$(grep -c '^screen:   ✓' "$OUT")" = 13
done
expect "NO_COLOR on a terminal" env NO_COLOR=1 TERM=xterm \
    python3 terminal.py 80 "$IPVM" run -n "$photo/photo.yaml"
expect_match '^plain$'
expect "a dumb terminal" env -u NO_COLOR TERM=dumb \
    python3 terminal.py 80 "$IPVM" run -n "$photo/photo.yaml" --no-memo
expect_match '^plain$'
expect_match '^still$'

finish
