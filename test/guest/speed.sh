#!/usr/bin/env bash
# How fast fileio_tgt is beside SCST's own program of that name, turn by turn in one Linux, through
# scst_local. Run as root in a Linux that may be thrown away.
#
#   test/guest/speed.sh MODULES C_PROGRAM [WAY...]     exit status: 0 done, 1 failed, 2 can't run
#
# MODULES as for run.sh; C_PROGRAM is SCST's usr/fileio/fileio_tgt. A WAY is a key of WAYS below;
# default: c loop blocking. ROUNDS=3 turns, SECONDS_EACH=4 a load, STORE=a folder on a disk, for a
# file there, instead of --nullio. See README.md here.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 2
WORK=$(mktemp -d /dev/shm/scst-user-speed.XXXXXX)
LOG=$WORK/log
PID=
LUNS=/sys/kernel/scst_tgt/targets/scst_local/scst_local_tgt/luns/mgmt
. test/guest/scst.sh

OURS="node dist/examples/fileio_tgt/main.js --kernel"
MODULES=${1:-}
C_PROGRAM=${2:-}
declare -A WAYS=(
  [c]="$C_PROGRAM"
  [c-one]="$C_PROGRAM -e 1"
  [c-poll]="$C_PROGRAM -e 1 -l"
  [loop]="$OURS"
  [asleep]="$OURS --awake 0"
  [awake]="$OURS --awake 2000"
  [threads]="$OURS -e 4"
  [blocking]="$OURS --blocking"
  [blocking-threads]="$OURS --blocking -e 4"
)
# Name, block size, depth, kind.
LOADS=("4k-1 4k 1 randread" "4k-16 4k 16 randread" "1m-4 1m 4 read")

needs() {
  local tool
  for tool in node fio; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done
  [[ $(id -u) = 0 ]] || skip "not root"
  [[ -f dist/examples/fileio_tgt/main.js ]] || skip "not built: npm run build"
  [[ -x $C_PROGRAM ]] || skip "SCST's fileio_tgt is not at '$C_PROGRAM'"
}

make_store() {
  if [[ -n ${STORE:-} ]]; then FILE=$STORE/speed NULLIO=; else FILE=$WORK/file NULLIO=-n; fi
  dd if=/dev/urandom of="$FILE" bs=1M count=64 status=none && cat "$FILE" >/dev/null
}

begin() {
  forget_disks
  # shellcheck disable=SC2086
  ${WAYS[$1]} $NULLIO speed "$FILE" >"$LOG" 2>&1 &
  PID=$!
  for _ in $(seq 900); do
    [[ -d /sys/kernel/scst_tgt/devices/speed ]] && break
    kill -0 "$PID" 2>/dev/null || { cat "$LOG"; return 1; }
    pause 0.1
  done
  # The program may still be on its way to its loop: it must answer to the session that attaches.
  pause 2
  echo "add speed 0" >"$LUNS" && find_disks && echo none >"/sys/block/${DISK##*/}/queue/scheduler"
}

end() {
  forget_disks
  echo "del 0" >"$LUNS"
  kill -TERM "$PID"
  wait "$PID" 2>/dev/null
  no_devices
}

# Commands that the disk has done, then the program's time in itself and in the kernel, in ms.
counts() {
  local name
  name=/sys/block/${DISK##*/}/stat
  awk -v tick="$(getconf CLK_TCK)" 'NR == FNR { n = $1 + $5; next }
    { sub(/.*\) /, ""); print n, $12 * 1000 / tick, $13 * 1000 / tick }' "$name" "/proc/$PID/stat"
}

# A load's commands a second, and the program's µs a command in itself and in the kernel.
load() {
  local before after seconds=$4
  before=$(counts)
  fio --name=s --filename="$DISK" --direct=1 --ioengine=libaio --bs="$1" --iodepth="$2" --rw="$3" \
    --norandommap --size=64M --time_based --runtime="$seconds" >"$WORK/fio" 2>&1 || { cat "$WORK/fio"; return 1; }
  after=$(counts)
  awk -v s="$seconds" '{ n = $4 - $1; printf "%.1f %.1f %.1f\n", n / s, ($5 - $2) * 1000 / n, ($6 - $3) * 1000 / n }' \
    <<<"$before $after"
}

# One turn of one way. The first load warms up: Node compiles what runs often.
turn() {
  local name size depth kind result
  begin "$1" && load 4k 16 randread 8 >/dev/null || return 1
  for row in "${LOADS[@]}"; do
    read -r name size depth kind <<<"$row"
    result=$(load "$size" "$depth" "$kind" "${SECONDS_EACH:-4}") || return 1
    echo "$1 $name $result" | tee -a "$WORK/results"
  done
  end
}

# Medians, and what they are of the first way's.
summary() {
  echo "way load IOPS of-$1 program-µs kernel-µs"
  sort -k1,1 -k2,2 -k3,3n "$WORK/results" | awk -v first="$1" '
    { key = $1 " " $2; rate[key, ++n[key]] = $3; own[key] += $4; kernel[key] += $5 }
    END {
      for (key in n) median[key] = rate[key, int((n[key] + 1) / 2)]
      for (key in n) {
        split(key, part, " ")
        base = median[first " " part[2]]
        printf "%s %.0f %.2f %.0f %.0f\n", key, median[key], base ? median[key] / base : 0,
          own[key] / n[key], kernel[key] / n[key]
      }
    }' | sort -k2,2 -k1,1
}

needs
load_modules "$MODULES"
shift 2
[[ $# = 0 ]] && set -- c loop blocking
for way in "$@"; do [[ -n ${WAYS[$way]:-} ]] || skip "no way is called $way"; done
trap '[[ -n $PID ]] && kill -9 "$PID" 2>/dev/null; rm -rf "$WORK"' EXIT
make_store
for _ in $(seq "${ROUNDS:-3}"); do
  for way in "$@"; do turn "$way" || exit 1; done
done
summary "$1"
