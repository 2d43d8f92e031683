"""Scripts that the lab's bash and the real one must run alike, with the same complaints."""

SCRIPTS = r"""
echo a{b,c}d {1..4} {a..e} {01..3} x{,y} {a} "{a,b}" '{a,b}' {5..1..2} {a,{b,c}}
===
x='a b'; echo {$x,"$x"} ${x}{1,2}
===
echo $'a\tb\n\x41\101\'q' $"hi"
===
cat <<< "one $((1+1))"; read -r a b <<< "x y z"; echo "$a|$b"
===
[[ abc == a* ]] && echo yes; [[ abc == "a*" ]] || echo no; [[ -d /tmp && ! -e /nope ]] && echo dir
===
x='a b'; [[ $x == 'a b' ]] && echo same; [[ -z $nope ]] && echo empty; [[ $x ]] && echo set
===
[[ v1.2 =~ ^v([0-9]+)\.([0-9]+)$ ]] && echo version; [[ ab =~ ^(x|ab)$ ]] && echo or; [[ a.b =~ ^a"."b$ ]]; echo $?
===
[[ 3 -lt 10 ]] && echo less; [[ a < b ]] && echo before; [[ ( a == b || c == c ) && d != e ]] && echo group
===
((3 > 2)) && echo more; ((0)) || echo zero; x=5; ((x++)); ((x += 2)); echo $x; echo $((2 ** 10)) $((x--)) $x
===
x=/a/b/a.txt; echo ${x//a/Z} ${x/a/Z} ${x/#\/a/R} ${x/%.txt/.md} ${x//\//-} ${x^^} ${x:1:3} ${x: -4} ${x:2}
===
x=Hello; echo ${x,,} ${x^} ${x,} ${x:0:1} ${x:1:-1}; y=x; echo ${!y}
===
f() { local a=1; echo $a; return 3; }; f; echo $?; function g { echo g; }; g; function h() { echo h; }; h
===
echo out &>/tmp/pvekit-both; ls /nope-x &>>/tmp/pvekit-both; wc -l </tmp/pvekit-both; rm /tmp/pvekit-both
===
{ echo a; echo b >&2; } |& sort
===
set -o pipefail; false | true; echo $?; true | true; echo $?
===
echo -e 'a\tb\x41'; echo 'a\tb'; echo -n x; echo -ne 'y\n'; echo -E 'a\nb'; echo -e 'a\cb'; echo
===
printf '%q %q\n' 'a b' x; printf -v v '%03d' 7; echo $v
===
nope; echo $?
===
/nope/x; echo $?; /tmp; echo $?; ./nope; echo $?
===
echo a;b
===
>/nope/x; echo $?; cat </nope; echo $?; echo hi >/etc; echo $?
===
set -C; : >/tmp/pvekit-c; : >/tmp/pvekit-c; echo $?; rm /tmp/pvekit-c
===
set -u; echo $x; echo no
===
echo ${x?}; echo no
===
echo ${x:?gone}; echo no
===
cd /nope; echo $?; cd /etc/passwd; echo $?; cd a b; echo $?
===
[ a -eq 1 ]; echo $?; [ a; echo $?; [ = b ]; echo $?; [ a b c d ]; echo $?; [ a b c ]; echo $?
===
readonly r=1; r=2; echo no
===
echo $((1/0)); echo no
===
exit abc
===
local x; echo $?
===
printf '%d\n' abc; echo $?
===
type nope; echo $?; type cd if; command -v nope; echo $?
===
exec nope; echo no
===
wait 99999; echo $?; kill 99999; echo $?
===
break; echo $?; return 3; echo $?
===
trap x NOPE; echo $?; umask 9; echo $?
===
fi
===
if
===
echo "x
===
echo 'x
===
echo ${x
===
echo a | | b
===
echo )
===
echo one
echo two )
echo three
===
case x in
===
declare -x D=4; sh -c 'echo $D'; typeset t=1; echo $t; source /nope; echo $?
===
for i in {1..3}; do [[ $i == 2 ]] && continue; echo $i; done; i=0; while ((i < 2)); do ((i++)); echo $i; done
===
echo "$(echo $'b c')"; echo ~root "$HOME"
===
true && { echo a; } 2>/dev/null || echo b; ! false; echo $?; echo $0
""".strip().split("\n===\n")
"""Each script runs alone, in a directory of its own, which also stands for ``/tmp/``."""
