#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys are kept for their owner alone, whole, under one name each; openssl reads
# them and we read openssl's; passphrases come from a file or a terminal; no
# secret is ever shown.
source "$(dirname "$0")/lib.sh"

keys=$IPVM_STORE/keys
mode() { stat -c %a "$1"; }
# What was printed by every command so far, to look for secrets in.
: > said
keep() { cat "$OUT" "$ERR" >> said; }

# --- New, list, show ------------------------------------------------------------------

expect "a store without keys has none" ipvm key list
expect_true "  not a line" test ! -s "$OUT"
expect_code 4 "nor its own" ipvm key show
expect_true "looking makes nothing" test ! -e "$IPVM_STORE"
expect "the store's own key" ipvm key new
expect_match '^type +Ed25519$'
expect_match '^did +did:key:z6Mk'
keep
expect_true "  for its owner alone" test "$(mode "$keys/self.key")" = 600
expect_true "  in a folder for its owner alone" test "$(mode "$keys")" = 700
expect_code 5 "is not made twice" ipvm key new
expect_error 'there is a key file self.key already'
expect "P-256" ipvm key new work --type p256
expect_match 'did:key:zDn'
keep
expect "secp256k1" ipvm key new -q coin --type secp256k1
expect_match '^did:key:zQ3s[A-Za-z0-9]+$'
expect_code 2 "another type" ipvm key new x --type rsa
expect_error 'rsa is not ed25519, p256 or secp256k1'
expect "all three" ipvm key list -q
expect_output $'coin\nself\nwork'
expect "by DID" ipvm key show "$(ipvm key show -q coin)"
expect_match '^name +coin$'
expect "as JSON" ipvm key show coin --json
expect_match '"sealed":false,"type":"secp256k1"'
keep
for name in ../self .hidden a/b -x ''; do
    code=3
    [[ $name != -* ]] || code=2
    expect_code $code "not a name: '$name'" ipvm key new "$name"
done

# --- openssl ----------------------------------------------------------------------------

if command -v openssl > /dev/null; then
    for name in self work coin; do
        expect_true "openssl reads $name" openssl pkey -in "$keys/$name.key" -noout
        openssl pkey -in "$keys/$name.key" -out again.pem
        expect_true "  and writes the same" cmp again.pem "$keys/$name.key"
    done
    openssl genpkey -algorithm ed25519 -out ed.pem
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out k256.pem
    for type in ed p256 k256; do
        expect "a key of openssl's: $type" ipvm key import $type.pem from-$type
        keep
        expect "  comes out" ipvm key export from-$type -o out-$type.pem
        keep
        expect_true "  the same" cmp $type.pem out-$type.pem
        expect_true "  for its owner alone" test "$(mode out-$type.pem)" = 600
    done
    # The same signature here and there is for the unit tests; the same key:
    ours=$(ipvm key show -q from-ed)
    expect_true "the same DID from standard input" \
        test "$(ipvm key import -q - again < ed.pem)" = "$ours"
    openssl pkey -in ed.pem -pubout -out public.pem
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem
    openssl pkcs8 -topk8 -in ed.pem -passout pass:x -out encrypted.pem
    openssl ecparam -name prime256v1 -genkey -noout -out sec1.pem
    cat ed.pem p256.pem > two.pem
    refuse() {
        expect_code 3 "not a key to import: $1" ipvm key import "$1" bad
        expect_error "$2"
    }
    refuse public.pem 'public key'
    refuse p384.pem 'another curve'
    refuse encrypted.pem 'encrypted; decrypt it with'
    refuse sec1.pem 'openssl pkcs8 -topk8'
    refuse two.pem 'more than one key'
    refuse /dev/zero 'too long'
    expect_code 4 "not a file to import" ipvm key import nowhere.pem bad
    expect_code 4 "nothing was kept" ipvm key show bad
else
    skip "no openssl program: its files not tried"
fi

# --- Export and removal -------------------------------------------------------------------

expect "a key to standard output" ipvm key export self
expect_match '^-----BEGIN PRIVATE KEY-----$'
expect_error 'whoever has it can sign as did:key:z6Mk'
cp "$OUT" self.pem
echo old > there.pem
expect_code 5 "a file that is there is not written over" ipvm key export self -o there.pem
expect_true "  it stays" grep -q old there.pem
ln -s elsewhere.pem link.pem
expect_code 5 "nor is a link followed" ipvm key export self -o link.pem
expect_true "  nothing was made" test ! -e elsewhere.pem
expect_code 2 "the store's own is not removed by accident" ipvm key rm self
expect "another is" ipvm key rm coin
expect_code 4 "  and is gone" ipvm key rm coin
expect "the store's own with force" ipvm key rm self --force
expect "  and back" ipvm key import self.pem self
keep

# --- Passphrases -----------------------------------------------------------------------------

echo 'correct horse' > words
echo 'wrong horse' > other
expect "a sealed key" ipvm key new sealed --passphrase-file words
expect_match 'sealed +yes'
keep
expect_true "  is not PEM" test "$(head -c 18 "$keys/sealed.key")" = 'ipvm-sealed-key 1 '
expect "  is shown without a passphrase" ipvm key show sealed
keep
expect "  opens with its passphrase" ipvm key export sealed --passphrase-file words -o sealed.pem
keep
expect "  from the environment too" env IPVM_PASSPHRASE_FILE=words "$IPVM" key export sealed -o s2.pem
expect_true "  the same" cmp sealed.pem s2.pem
expect_code 5 "  not with another" ipvm key export sealed --passphrase-file other -o x.pem
expect_error 'wrong passphrase'
keep
expect_true "  nothing was written" test ! -e x.pem
expect_code 3 "  not with an empty file" ipvm key export sealed --passphrase-file /dev/null -o x.pem
expect_code 3 "  not with an endless one" ipvm key export sealed --passphrase-file /dev/zero -o x.pem
expect_code 5 "  not without anybody to ask" setsid -w "$IPVM" key export sealed -o x.pem
expect_error 'no passphrase was given'
sed -i '2s/./A/40' "$keys/sealed.key"
expect_code 5 "  not after a change" ipvm key export sealed --passphrase-file words -o x.pem
rm "$keys/sealed.key"

cat > terminal.py << 'END'
# terminal.py LINES COMMAND…: types LINES (separated by /), prints what the
# terminal showed; its exit code.
import os, pty, sys, time
lines = sys.argv[1].split("/")
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
questions = 0
while True:
    try:
        got = os.read(terminal, 1000)
    except OSError:
        break
    if not got:
        break
    shown += got
    while shown.count(b"the key") > questions and questions < len(lines):
        if not shown.endswith(b": "):
            break
        time.sleep(0.2)
        os.write(terminal, lines[questions].encode().decode("unicode_escape").encode())
        questions += 1
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
# shellcheck disable=SC2317 # called by expect
typed() { python3 terminal.py "$@"; }
expect "a passphrase is asked for twice" typed 'open sesame\n/open sesame\n' \
    "$IPVM" key new typed --passphrase
expect_match 'sealed +yes'
expect_true "  and not shown" bash -c "! grep -q sesame '$OUT'"
expect_code 2 "two that differ make no key" typed 'open sesame\n/open\n' \
    "$IPVM" key new typo --passphrase
expect_match 'differ; nothing was done'
expect_code 2 "an empty one neither" typed '\n' "$IPVM" key new typo --passphrase
expect_code 4 "  there is none" ipvm key show typo
expect "it opens, a mistyped letter taken back" typed 'open sesamx\x7fe\n' \
    "$IPVM" key export typed -o typed.pem
expect_code 5 "Ctrl-C gives up" typed 'open\x03' "$IPVM" key export typed -o x.pem
expect_match 'no passphrase was given'
expect_code 2 "a secret is not printed to a terminal" typed '' "$IPVM" key export self
expect_match 'not printed to a terminal'
expect "  but with force" typed '' "$IPVM" key export self --force
expect_match 'BEGIN PRIVATE KEY'

# --- Others on the machine ---------------------------------------------------------------------

chmod 640 "$keys/self.key"
expect_code 5 "a key that others may read" ipvm key export self -o x.pem
expect_error 'self.key is open to others: chmod 600'
chmod 600 "$keys/self.key"
chmod 755 "$keys"
expect_code 5 "a folder that others may read" ipvm key export self -o x.pem
expect_error 'open to others: chmod 700'
chmod 700 "$keys"
echo precious > victim
ln -s "$WORK/victim" "$keys/planted.key"
expect_code 5 "a link planted for a new key is not followed" ipvm key new planted
expect_true "  it leads to what it was" grep -qx precious victim
expect_code 5 "nor read" ipvm key export planted -o x.pem
rm "$keys/planted.key"
mv "$keys" moved
ln -s "$WORK/moved" "$keys"
expect_code 5 "keys behind a link are refused" ipvm key export self -o x.pem
rm "$keys"
mv moved "$keys"
(umask 000 && ipvm key new loose > /dev/null)
expect_true "umask opens nothing" test "$(mode "$keys/loose.key")" = 600

# --- At once, and killed -------------------------------------------------------------------------

for round in 1 2 3; do
    for each in 1 2 3 4 5 6; do
        ipvm key new "race$round" > "race.$each" 2>&1 &
    done
    wait
    expect_true "of six at once one makes the key" test "$(grep -l '^did' race.? | wc -l)" = 1
    expect_true "  and five say so" test "$(grep -l 'already' race.? | wc -l)" = 5
done

for delay in 001 002 003 004 006 008 010 012 015 020 025 030; do
    ipvm key new "killed-$delay" > /dev/null 2>&1 &
    process=$!
    sleep "0.$delay"
    kill -9 $process 2> /dev/null
    wait $process 2> /dev/null
done
expect "after kill -9 all keys are whole" ipvm key list
expect_true "  nothing else is left" \
    test -z "$(find "$keys" -type f ! -name '*.key')"

# --- A full disk ---------------------------------------------------------------------------------

if ((EUID == 0)) && mkdir -p small/keys &&
    mount -t tmpfs -o size=8k,mode=700 tmpfs small/keys 2> /dev/null; then
    head -c 8192 /dev/zero > small/keys/ballast 2> /dev/null
    IPVM_STORE=$WORK/small expect_code 5 "a full disk" ipvm key new
    expect_error '([Nn]o space|full)'
    expect_true "  leaves nothing" test "$(ls -A small/keys)" = ballast
    rm small/keys/ballast
    IPVM_STORE=$WORK/small expect "  and there is room again" ipvm key new
    umount small/keys
else
    skip "cannot mount a tmpfs: a full disk not tried"
fi

# --- Secrets ---------------------------------------------------------------------------------------

mapfile -t secrets < <(
    for file in "$keys"/*.key *.pem; do
        [[ -f $file ]] && sed -n '/^[A-Za-z0-9+\/=]\{20,\}$/p' "$file"
    done | cut -c 10-40 | sort -u
)
expect_true "there are secrets to look for" test "${#secrets[@]}" -gt 10
expect_true "none of them was printed but by export to standard output" \
    bash -c '! grep -qF -f <(printf "%s\n" "$@") said' _ "${secrets[@]}"
expect_true "nor a passphrase" bash -c '! grep -qE "correct horse|wrong horse" said'

python3 - "$IPVM" << 'END'
import os, signal, subprocess, sys, time, resource
try:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
except (OSError, ValueError):
    pass
process = subprocess.Popen([sys.argv[1], "key", "import", "-", "core"],
                           stdin=subprocess.PIPE)
time.sleep(0.5)
process.send_signal(signal.SIGQUIT)
_, status = os.waitpid(process.pid, 0)
sys.exit(os.WCOREDUMP(status))
END
expect_true "a command with keys leaves no core dump" test $? = 0

finish
