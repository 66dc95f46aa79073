# What run.sh and speed.sh share: SCST's modules, and disks that come and go. Needs WORK, a folder,
# and LOG, a file; sets PID, the program that serves, and DISK and DISKS, what Linux has made of it.

# A descriptor that nothing comes from.
exec {SILENCE}<> <(:)

# sleep(1) would be a process each time, whose start an emulated machine has more work with than
# with what is waited for.
pause() { read -rt "$1" -u "$SILENCE" || true; }

skip() { echo "SKIPPED, nothing was proved: $*" >&2; exit 2; }

load_modules() {
  local module
  for module in scst scst_user scst_local; do
    [[ -d /sys/module/$module ]] && continue
    [[ -f $1/$module.ko ]] || skip "there is no $1/$module.ko"
    insmod "$1/$module.ko" || skip "$module.ko could not be loaded"
  done
  mkdir -p /var/lib/scst/pr
}

# Runs a program with arguments; waits until it is ready.
run_until_ready() {
  # Not by `program`: SIGTERM would end a shell of its own, and not the program.
  node "$@" >"$LOG" 2>&1 &
  PID=$!
  echo "$PID" >"$WORK/pid"
  local text
  for _ in $(seq 600); do
    IFS= read -rd '' text <"$LOG"
    [[ $'\n'$text == *$'\n'ready$'\n'* ]] && return 0
    kill -0 "$PID" 2>/dev/null || break
    pause 0.2
  done
  cat "$LOG"
  return 1
}

scan_hosts() {
  local scan
  for scan in /sys/class/scsi_host/host*/scan; do echo "- - -" >"$scan"; done
}

# Waits for so many disks; one if nothing is said.
find_disks() {
  local count=${1:-1}
  scan_hosts
  for _ in $(seq 300); do
    DISKS=()
    local block
    for block in /sys/bus/scsi/devices/*/block/sd*; do [[ -e $block ]] && DISKS+=("/dev/${block##*/}"); done
    [[ ${#DISKS[@]} -ge $count ]] && break
    pause 0.1
  done
  DISK=${DISKS[0]:-}
  [[ -b $DISK ]] || { echo "no disk has come"; return 1; }
}

of_type() {
  local type
  for type in /sys/bus/scsi/devices/*/type; do
    [[ -e $type && $(<"$type") = "$1" ]] && dirname "$type"
  done
}

forget_disks() {
  local block device
  for block in /sys/block/sd*; do [[ -e $block/device/delete ]] && echo 1 >"$block/device/delete"; done
  for device in $(of_type 1) $(of_type 8); do echo 1 >"$device/delete"; done
  return 0
}

no_devices() {
  for _ in $(seq 100); do
    [[ -z $(ls /sys/kernel/scst_tgt/devices) ]] && return 0
    pause 0.1
  done
  echo "devices are left: $(ls /sys/kernel/scst_tgt/devices)"
  return 1
}
