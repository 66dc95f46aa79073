# For the scripts here: sourced, with SERVER, WORK and FAILED of the script's own.

skip() { echo "SKIPPED, nothing was proved: $*" >&2; exit 2; }

# Root, a built package, and these tools.
needs_tools() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
  done
  [[ $(id -u) = 0 ]] || skip "not root"
  [[ -f dist/examples/fileio_tgt/main.js ]] || skip "not built: npm run build"
}

needs_modules() {
  local module
  for module in "$@"; do
    modprobe "$module" || skip "the kernel has no $module"
  done
}

# The initiator's daemon, where no init system runs it.
start_iscsid() {
  [[ -e /run/udev/control ]] || /lib/systemd/systemd-udevd --daemon || return 1
  mkdir -p /run/lock/iscsi /etc/iscsi
  echo "InitiatorName=iqn.2026-01.org.example:guest" >/etc/iscsi/initiatorname.iscsi
  sed -i 's|^iscsid.startup.*|iscsid.startup = /sbin/iscsid|' /etc/iscsi/iscsid.conf
  rm -rf /etc/iscsi/nodes /etc/iscsi/send_targets
  pgrep -x iscsid >/dev/null || iscsid
}

# Waits for a line "ready" in a file, from a process that is to live.
ready() {
  for _ in $(seq 600); do
    grep -q '^ready$' "$1" && return 0
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  cat "$1"
  return 1
}

# Ends the server with a signal; SIGTERM must give 0.
stop() {
  kill "-$1" "$SERVER"
  wait "$SERVER" 2>/dev/null
  local status=$?
  [[ $1 != TERM || $status = 0 ]] || { echo "SIGTERM: exit status $status"; return 1; }
}

# Nothing of what happened to its disk may have reached a file system.
no_errors_reached_it() {
  ! dmesg | grep -E "EXT4-fs (error|warning)|Buffer I/O error|error, dev dm-|JBD2.*[Ee]rror|lost .*write"
}

# Runs cases by name; what is said between them is said by `before_each` and `after_failure`.
run_cases() {
  local name passed=0
  dmesg -C
  for name in "$@"; do
    before_each
    if "case_$name"; then
      echo "ok      $name"
      passed=$((passed + 1))
    else
      echo "FAILED  $name"
      FAILED+=("$name")
      after_failure
    fi
    dmesg -C
  done
  echo "$passed passed, ${#FAILED[@]} failed ${FAILED[*]}"
  [[ ${#FAILED[@]} = 0 ]]
}
