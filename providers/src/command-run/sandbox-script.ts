// Owns: the fixed shell scripts that make the namespaces and mounts of a trial run. Names and paths come in as
// arguments, never as part of a script.
// Never: built from input.

/*
 * outer (the engine's user)
 *   └─ user namespace: root in it; ids as outside where we are root, else only our own
 *        └─ mount, pid, ipc, uts and net namespaces; pid 1 is `inside`
 *             └─ the command, without CAP_SYS_ADMIN: it can take none of this apart
 *
 * A process that ends takes the next one with it (parent-death signal), and pid 1 takes all that the command left over.
 * Only the user namespace makes it safe for root as well: devices, modules, sysctls and mounts outside are out of reach.
 */

/** Arguments: inner script, inside script, 1 when root, uid map, gid map, `--net` or ``, then those of `inside`. */
export const outerScript = `
set -eu
inner=$1; inside=$2; root=$3; uids=$4; gids=$5; shift 5
exec 7<&0 9>status
unshare --user true || { echo "unshare --user failed" >&2; exit 125; }
mkfifo ready go
exec 5<>ready 6<>go
unshare --user sh -c "$inner" sandbox "$inside" "$@" 0<&7 7<&- &
read -r pid <&5
[ "$root" = 1 ] || printf deny >"/proc/$pid/setgroups"
printf '%s' "$gids" >"/proc/$pid/gid_map" || { kill -9 "$pid"; echo "writing gid_map failed" >&2; exit 125; }
printf '%s' "$uids" >"/proc/$pid/uid_map" || { kill -9 "$pid"; echo "writing uid_map failed" >&2; exit 125; }
echo go >&6
code=0
wait $! || code=$?
exit $code
`

/** Waits until it has been given its ids; the next exec then makes it root in its namespace. */
export const innerScript = `
inside=$1; net=$2; shift 2
echo $$ >&5
read -r go <&6
exec 5>&- 6>&-
exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --ipc --uts $net --mount-proc sh -c "$inside" sandbox "$@"
`

/** Arguments: working directory, operations, `--`, command. Standard input: assignments of the environment, quoted. */
export const insideScript = `
cwd=$1; shift
fail() { echo "$*" >&2; exit 125; }
while [ "$1" != -- ]; do
  case $1 in
    tmpfs) mount -n -t tmpfs -o "mode=$2,size=50%" tmpfs "$3" || fail "mount tmpfs failed"; shift 3 ;;
    dir) mkdir -p "$2" || fail "mkdir $2 failed"; shift 2 ;;
    bind) mount -n --rbind "$2" "$3" || fail "mount --rbind $2 failed"; shift 3 ;;
    device) if [ -e "/dev/$2" ]; then : >"dev/$2" && mount -n --bind "/dev/$2" "dev/$2" || fail "mount --bind /dev/$2 failed"; fi; shift 2 ;;
    symlink) ln -s "$2" "$3" || fail "ln -s $2 failed"; shift 3 ;;
    overlay)
      mount -n -t overlay overlay -o "lowerdir=lower$2,upperdir=upper$2,workdir=work$2,userxattr" "$3" || fail "mount overlay on $3 failed"
      shift 3 ;;
    readonly) if [ -e "$3" ]; then mount -n -o "remount,bind,ro$2" "$3" || fail "making $3 read-only failed"; fi; shift 3 ;;
    move) mount -n --move "$2" "$3" || fail "mount --move onto $3 failed"; shift 3 ;;
    *) fail "unknown operation $1" ;;
  esac
done
shift
if command -v ip >/dev/null; then ip link set lo up 2>/dev/null; fi
setpriv=$(command -v setpriv) || fail "setpriv is missing"
env=$(cat)
cd "$cwd" || fail "cd $cwd failed"
echo ready >&9
(
  unset PATH
  eval "$env"
  exec "$setpriv" --bounding-set=-sys_admin --inh-caps=-sys_admin -- "$@" </dev/null 7<&- 9>&-
)
echo "exit $?" >&9
exit 0
`
