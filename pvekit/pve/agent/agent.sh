#!/bin/sh
# pvekit-agent WORD...
# The one program that pvekit's sudo rule allows. It runs, as root, what pvekit sends, and refuses all
# else with status 126: scripts whose SHA-256 stands in SCRIPTS, with the arguments that belong to them,
# and few programs with few options. VMs only within the range, files only below the image directory.
SETTINGS=/etc/pvekit/agent.conf
SCRIPTS=/etc/pvekit/agent.scripts
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C.UTF-8
export PATH LC_ALL
unset IFS ENV CDPATH
set -fu
umask 022

no() {
  printf 'pvekit-agent: refused: %s\n' "$1" | tr -c ' -~\n' '?' >&2
  exit 126
}

first='' last='' images=''
while IFS='=' read -r key value; do
  case $key in
    first_vmid) first=$value ;;
    last_vmid) last=$value ;;
    image_dir) images=$value ;;
  esac
done <"$SETTINGS" || exit 126
[ -n "$first" ] && [ -n "$last" ] && [ -n "$images" ] || no "$SETTINGS is not whole"

# What a word may be. A word that begins with "-" is an option, wherever it stands.
number() { case $1 in '' | 0?* | *[!0-9]* | ??????????*) no "no number: $1" ;; esac }
vmid() {
  number "$1"
  [ "$1" -ge "$first" ] && [ "$1" -le "$last" ] || no "vmid $1 is not within $first-$last"
}
word() { case $1 in '' | -* | *..* | *[!A-Za-z0-9_.:+-]*) no "no plain word: $1" ;; esac }
words() { case $1 in '' | -* | *[!A-Za-z0-9_.:,=/+\ -]*) no "not allowed here: $1" ;; esac }
hex() { case $1 in '' | *[!0-9a-f]*) no "no hexadecimal: $1" ;; esac }
run() { [ "$1" = - ] || hex "$1"; }
base64_text() { case $1 in '' | *[!A-Za-z0-9+/=]*) no "no base64" ;; esac }
one_of() {
  wanted=$1
  shift
  for each; do [ "$wanted" != "$each" ] || return 0; done
  no "not allowed here: $wanted"
}
url() {
  case $1 in http://?* | https://?*) ;; *) no "no http or https: $1" ;; esac
  case $1 in *[!A-Za-z0-9_.:/?\&=%+~@,-]*) no "no plain URL: $1" ;; esac
}
below() {
  case $2 in "$1"/?*) ;; *) no "not below $1: $2" ;; esac
  case $2 in *..* | *//* | */ | *[!A-Za-z0-9_./+~%-]*) no "no plain path: $2" ;; esac
}
work() {
  below "$images/build" "$1"
  place=${1#"$images/build/"}
  place=${place%%/*}
  case $place in *-*) vmid "${place%%-*}" ;; *) no "no folder of a build: $1" ;; esac
}
claim() {
  case $1 in
    vmid-*) vmid "${1#vmid-}" ;;
    name-* | ip-*) word "$1" ;;
    *) no "no claim: $1" ;;
  esac
}
job() {
  hex "$1"
  [ ${#1} = 20 ] || no "no job: $1"
}

# A drive is new, empty or made of a file below the image directory: never one that is there.
drive() {
  place=${1%%,*}
  word "${place%%:*}"
  case ${place#*:} in cloudinit | [0-9] | [0-9][0-9] | [0-9][0-9][0-9]) ;; *) no "no new drive: $1" ;; esac
  case $place in *:*) ;; *) no "no new drive: $1" ;; esac
  rest=${1#"$place"}
  while [ -n "$rest" ]; do
    rest=${rest#,}
    part=${rest%%,*}
    case $part in
      import-from=*) below "$images" "${part#import-from=}" ;;
      format=raw | format=qcow2 | discard=on | ssd=1 | iothread=1) ;;
      efitype=4m | pre-enrolled-keys=[01] | media=cdrom) ;;
      *) no "no property of a drive: $part" ;;
    esac
    rest=${rest#"$part"}
  done
}

options() {
  allowed=" $1 "
  shift
  while [ $# -gt 0 ]; do
    case $allowed in *" ${1#--} "*) ;; *) no "option $1" ;; esac
    case $1 in --?*) ;; *) no "no option: $1" ;; esac
    if [ "$1" = --cipassword ]; then
      shift
      case ${1---digest} in --digest) ;; *) no "a password among the words" ;; esac
      continue
    fi
    [ $# -ge 2 ] || no "option $1 without a value"
    case $1 in
      --full | --onboot | --ciupgrade | --purge | --force | --forceStop | --online | --vmstate | \
        --with-local-disks) one_of "$2" 0 1 ;;
      --destroy-unreferenced-disks) one_of "$2" 0 ;;
      --cores | --sockets | --vcpus | --memory | --balloon | --timeout) number "$2" ;;
      --scsi[0-9] | --ide[0-9] | --sata[0-9] | --efidisk0) drive "$2" ;;
      --serial0) one_of "$2" socket ;;
      --sshkeys) one_of "$2" /dev/stdin ;;
      --tags) case $2 in -* | *[!A-Za-z0-9_.\;+-]*) no "no tags: $2" ;; esac ;;
      --digest) hex "$2" ;;
      --description | --net0 | --ipconfig0 | --nameserver | --cpu | --boot | --agent) words "$2" ;;
      --name | --storage | --target | --targetstorage | --ostype | --scsihw | --machine | --bios | \
        --vga | --ciuser | --searchdomain | --pool | --snapname | --delete) word "$2" ;;
      *) no "option $1" ;;
    esac
    shift 2
  done
}

HARDWARE='name description ostype cores sockets vcpus memory balloon cpu scsihw machine bios boot
serial0 vga agent net0 tags onboot pool scsi0 scsi1 scsi2 scsi3 ide0 ide2 sata0 efidisk0 ipconfig0
nameserver searchdomain ciuser ciupgrade sshkeys cipassword delete force digest'

qm_ok() {
  verb=${1-}
  shift
  case $verb in disk) one_of "${1-}" resize && shift ;; cloudinit) one_of "${1-}" dump && shift ;; esac
  vmid "${1-}"
  id=$1
  shift
  case $verb in
    clone) vmid "${1-}" && shift && options 'name description full storage target pool' "$@" ;;
    create | set) options "$(echo $HARDWARE)" "$@" ;;
    start | stop | template | unlock) [ $# = 0 ] || no "qm $verb takes no options" ;;
    shutdown | reboot) options 'timeout forceStop' "$@" ;;
    destroy) options 'purge destroy-unreferenced-disks' "$@" ;;
    snapshot) word "${1-}" && shift && options 'description vmstate' "$@" ;;
    delsnapshot | rollback) word "${1-}" && [ $# = 1 ] || no "qm $verb takes no options" ;;
    migrate) word "${1-}" && shift && options 'online with-local-disks targetstorage' "$@" ;;
    disk)
      case ${1-} in scsi[0-9] | virtio[0-9] | sata[0-9]) ;; *) no "no disk: ${1-}" ;; esac
      case ${2-} in *[GM]) number "${2%?}" ;; *) no "no size: ${2-}" ;; esac
      [ $# = 2 ] || no "further words"
      ;;
    cloudinit) one_of "${1-}" user ;;
    *) no "qm $verb" ;;
  esac
}

program_ok() {
  program=${1-}
  [ $# = 0 ] || shift
  case $program in
    qm) qm_ok "$@" ;;
    pveversion | true) [ $# = 0 ] || no "$program takes no words" ;;
    stat) [ "$*" = '-c %a /etc/pve/local/' ] || no "stat $*" ;;
    ha-manager)
      [ $# = 2 ] && [ "$1" = remove ] || no "ha-manager $*"
      case $2 in vm:*) vmid "${2#vm:}" ;; *) no "ha-manager $*" ;; esac
      ;;
    install)
      [ $# = 5 ] && [ "$1 $2 $4" = '-D -m /dev/stdin' ] || no "install $*"
      one_of "$3" 600 700
      work "$5"
      ;;
    rm)
      [ $# = 2 ] && [ "$1" = -rf ] || no "rm $*"
      work "$2"
      ;;
    genisoimage)
      [ "${1-} ${2-} ${4-} ${5-} ${6-} ${7-}" = '-quiet -output -volid cidata -joliet -rock' ] ||
        no "genisoimage $*"
      work "$3"
      shift 7
      for each; do work "$each"; done
      ;;
    *) no "program $program" ;;
  esac
}

# What a script, known by its digest, may be told.
script_ok() {
  script=$1
  shift
  case $script in
    act) act_ok "$@" ;;
    agents) one_of "${1-}" sight interfaces hostkeys && shift && for each; do vmid "$each"; done ;;
    claim)
      run "${1-}"
      case ${2-} in *[![:print:]]*) no "control characters" ;; esac
      shift 2
      for each; do claim "$each"; done
      ;;
    release) run "${1-}" && shift && for each; do claim "$each"; done ;;
    customize)
      below "$images/images" "${1-}"
      work "${2-}"
      case ${3-} in -* | *[!a-z0-9,.+:-]*) no "no packages: $3" ;; esac
      work "${4-}/x"
      ;;
    fetch)
      url "${1-}"
      one_of "${2-}" sha256 sha512
      hex "${3-}"
      below "$images/images" "${4-}"
      [ $# = 4 ] || { [ $# = 6 ] && word "$5" && job "$6"; } || no "further words"
      ;;
    download-rate) url "${1-}" ;;
    copy-rate) word "${1-}" ;;
    sums)
      url "${1-}"
      [ "${2-}" = - ] || url "$2"
      [ "${3-}" = - ] || base64_text "$3"
      ;;
    signs) for each; do vmid "$each"; done ;;
    use)
      word "${1-}"
      one_of "${2-}" hour day week month year
      one_of "${3-}" hour day week month year
      shift 3
      for each; do vmid "$each"; done
      ;;
    sample) for each; do [ "$each" = - ] || vmid "$each"; done ;;
    symptoms) for each; do vmid "$each"; done ;;
    tasklog)
      for each; do
        case $each in '' | -* | *..* | *[!A-Za-z0-9_.:@!+-]*) no "no task: $each" ;; esac
      done
      ;;
    files) for each; do below "$images" "$each"; done ;;
    first-boot)
      vmid "${1-}"
      number "${2-}"
      work "${3-}"
      shift 3
      program_ok "$@"
      ;;
    forget | jobs) for each; do job "$each"; done ;;
    free)
      run "${1-}"
      vmid "${2-}"
      shift 2
      for each; do
        case $each in *..*) no "no volume: $each" ;; esac
        words "$each"
      done
      ;;
    holders) for each; do number "$each"; done ;;
    state) for each; do case $each in *[!0-9]*) claim "$each" ;; *) number "$each" ;; esac; done ;;
    ha | storages) [ $# = 0 ] || no "$script takes no words" ;;
    local | read-site | sparing | doctor)
      one_of "${1-}" "$images" && shift
      for each; do url "$each"; done
      ;;
    sweep)
      run "${1-}"
      [ "${2-}" = - ] || claim "$2"
      [ "${3-}" = - ] || job "$3"
      below "$images" "${4-}"
      ;;
    volumes | names) for each; do word "$each"; done ;;
    *) no "script $script" ;;
  esac
}

act_ok() {
  [ $# -ge 8 ] || no 'too few words for act'
  one_of "$1" none vm template build unfinished deleting
  if [ "$1" = none ]; then one_of "$2" 0; else vmid "$2"; fi
  [ "$3" = - ] || word "$3"
  run "${4%%/*}"
  case $4 in */*) run "${4#*/}" ;; esac
  case $5 in yes | no) ;; *) hex "$5" ;; esac
  [ "$6" = - ] || job "$6"
  case $7 in - | secret) ;; *) base64_text "$7" ;; esac
  input=$7
  shift 7
  if [ "$1" != sh ]; then
    program_ok "$@"
    return
  fi
  if [ "${2-}" = -c ]; then # a description of several lines, which is read on stdin
    [ $# = 5 ] && [ "$3 $4" = 'exec qm set "$@" --description "$(cat)" describe' ] || no 'sh -c'
    vmid "$5"
    return
  fi
  [ "${2-} ${3-}" = '-s --' ] || no "sh ${2-}"
  name=$(printf %s "$input" | base64 -d 2>/dev/null | known)
  one_of "$name" fetch customize first-boot free
  shift 3
  script_ok "$name" "$@"
}

# The name of the script on stdin; nothing for one that is not pvekit's.
known() {
  sum=$(sha256sum)
  while read -r digest name; do
    if [ "$digest" = "${sum%% *}" ]; then echo "$name"; fi
  done <"$SCRIPTS"
}

[ $# -gt 0 ] || no 'no words'
if [ "$1" != sh ]; then
  program_ok "$@"
  exec "$@"
fi
[ "${2-} ${3-}" = '-s --' ] || no "sh ${2-}"
shift 3
file=$(mktemp) || exit 126
trap 'rm -f "$file"' EXIT
head -c 262144 >"$file"
# A secret may stand before the script: one line, and nothing but base64 in it.
IFS= read -r line <"$file" || line=''
case $line in
  secret=*)
    base64_text "${line#secret=}"
    name=$(tail -n +2 "$file" | known)
    ;;
  *) name=$(known <"$file") ;;
esac
[ -n "$name" ] || no 'a script that is not in the list (is this node set up for this version of pvekit?)'
script_ok "$name" "$@"
sh "$file" "$@" </dev/null
