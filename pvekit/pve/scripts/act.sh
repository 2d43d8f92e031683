# act.sh GUARD VMID NAME RUN DIGEST JOB INPUT WORD...
# Runs the words only if the VM is, at this moment and on this node, what the caller takes it for.
#   GUARD   none, vm (our finished VM), template (ours), build (our template that is not one yet),
#           all three made by RUN unless that is -,
#           unfinished (made by RUN: marked so, or a clone's remains under RUN's claim: a config
#           that has no option but perhaps a lock; what holds the lock must have ended),
#           deleting (our VM, or what is left of one in mid-destruction under RUN's claim; RUN may be
#           RUN/MAKER: a VM that is whole must then have been made by MAKER)
#   DIGEST  yes: adds --digest of the config that was looked at; a digest: the config's must be that
#   JOB     - or the id under which the words run detached from the link; a job that runs or went
#           well is not started again, one that failed or died is
#   INPUT   - or what the words read on stdin, in base64; "secret": $secret, which a line before
#           this script has set, for words can be read by every user of the node
# Refusals: exit status 96 and one line "pvekit-refused: REASON" on stderr.
guard=$1 vmid=$2 name=$3 run=$4 digest=$5 job=$6 input=$7
shift 7
if [ "$input" = secret ]; then input=$secret; fi
maker=-
case $run in */*) maker=${run#*/} run=${run%%/*} ;; esac
conf=/etc/pve/qemu-server/$vmid.conf

refuse() {
  echo "pvekit-refused: $1" >&2
  exit 96
}

look() {
  mark='' named='' lock='' template=no bare=yes
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      '['*) break ;;
      '#') ;;
      '#'*) mark=${line#?} ;;
      'lock: '*) lock=${line#lock: } ;;
      ?*) bare=no ;;
    esac
    case $line in
      'name: '*) named=${line#name: } ;;
      'template: 1') template=yes ;;
    esac
  done <"$conf"
}

marked() {
  case "$mark " in
    "pvekit%3Av1 kind=$1 vmid=$vmid name=$name "* | "pvekit:v1 kind=$1 vmid=$vmid name=$name "*)
      [ "$named" = "$name" ] ;;
    *) false ;;
  esac
}

bare_under_claim() {
  [ $bare = yes ] || return 1
  claim=''
  IFS= read -r claim 2>/dev/null <"/etc/pve/priv/pvekit/vmid-$vmid" || [ -n "$claim" ] || return 1
  case $claim in *"\"run\":\"$run\""*) ;; *) return 1 ;; esac
}

of() {
  [ "$1" = - ] || case "$mark " in *" run=$1 "*) ;; *) false ;; esac
}

of_run() { of "$run"; }

of_maker() { of "$maker"; }

made_by_run() {
  if marked vm || marked template; then
    of_run || return 1
  else
    bare_under_claim || return 1
  fi
  unlocked
}

unlocked() {
  case $lock in clone | create | destroyed) ;; *) return 0 ;; esac
  flock -n "/var/lock/qemu-server/lock-$vmid.conf" true || refuse "VM $vmid is still being made"
  qm unlock "$vmid" || exit
}

sum=''
if [ "$guard" != none ]; then
  # The Proxmox CSI plugin books the volumes of Kubernetes under this vmid.
  [ "$vmid" != 9999 ] || refuse "9999 is the vmid of the volumes of Kubernetes"
  [ -e "$conf" ] || refuse "VM $vmid is not on this node"
  sum=$(sha1sum <"$conf")
  case $digest in
    yes | no) ;;
    *) [ "${sum%% *}" = "$digest" ] || refuse "VM $vmid has changed since it was looked at" ;;
  esac
  look
  case $guard in
    vm) marked vm && of_run && [ $template = no ] ;;
    template) marked template && of_run && [ $template = yes ] ;;
    build) marked template && of_run ;;
    unfinished) made_by_run ;;
    deleting)
      if [ $bare = yes ]; then bare_under_claim && unlocked; else
        marked vm && of_maker && [ $template = no ]
      fi
      ;;
    *) false ;;
  esac || refuse "VM $vmid ('$named') does not carry the mark of $name"
fi
if [ "$digest" = yes ]; then set -- "$@" --digest "${sum%% *}"; fi

if [ "$job" = - ]; then
  if [ "$input" = - ]; then
    "$@" </dev/null
  else
    printf %s "$input" | base64 -d | "$@"
  fi
  exit
fi

umask 077
dir=/run/pvekit/jobs/$job
mkdir -p /run/pvekit/jobs || exit
# Of all that find a job failed or dead, only who moves the file that says so clears it away.
if [ -e "$dir/rc" ]; then
  if [ "$(cat "$dir/rc")" != 0 ] && mv "$dir/rc" "$dir/over" 2>/dev/null; then rm -rf "$dir"; fi
elif [ -e "$dir/pid" ]; then
  if ! alive 2>/dev/null && mv "$dir/pid" "$dir/over" 2>/dev/null; then rm -rf "$dir"; fi
elif [ -d "$dir" ] && ! alive 2>/dev/null && mkdir "$dir/over" 2>/dev/null; then
  rm -rf "$dir"
fi
if ! mkdir "$dir" 2>/dev/null; then
  [ -d "$dir" ] && exit 0
  echo "cannot make $dir" >&2
  exit 1
fi
if [ "$input" = - ]; then : >"$dir/in"; else printf %s "$input" | base64 -d >"$dir/in"; fi
setsid sh -c 'dir=$1
  shift
  IFS= read -r stat <"/proc/$$/stat"
  born() { echo "$$ ${20}"; }
  born ${stat##*) } >"$dir/pid"
  umask 022
  "$@" <"$dir/in" >"$dir/out" 2>"$dir/err"
  echo $? >"$dir/rc.new"
  mv "$dir/rc.new" "$dir/rc"' job "$dir" "$@" </dev/null >/dev/null 2>&1 &
