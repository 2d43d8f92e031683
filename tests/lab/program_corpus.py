"""Lines that the lab's programs and the real ones must run alike, in an empty directory."""

LINES = r"""
echo a >f; cat f; cat f f; cat nope; cat . ; cat f - <f; echo hi | cat - f
===
mkdir d; mkdir d; mkdir a/b; mkdir -p a/b/c d; ls; ls a; mkdir -m 700 m; stat -c '%a %F %n' m; touch f; mkdir -p f; mkdir f/x; mkdir -p -m 711 p/q; stat -c %a p p/q
===
umask 077; mkdir d; touch f; mkdir -p x/y; stat -c '%a' d f x x/y
===
rmdir nope; mkdir d; touch d/f; rmdir d; rm d/f; rmdir d; ls; touch f; rmdir f
===
rm nope; rm -f nope; touch f; rm f; mkdir d; rm d; rm -r d; rm -rf a b; rm; rm -f; ls
===
echo 1 >a; echo 2 >b; mv a b; cat b; mv nope x; mkdir d; mv b d; ls d; mv d/b c; mv -T c d; ls; mv c d/; ls d; echo x >x; mv -n x d/c; cat d/c; mkdir e; mv -T d e; ls e
===
echo 1 >a; cp a b; cat b; cp nope c; mkdir d; cp a d; ls d; cp d e; cp -r d e; ls e; cp a a; cp -p a p; chmod 600 a; cp a q; cp a nodir/x; cp a b d; ls d; cp a b nodir
===
printf hello | install -m 600 /dev/stdin f; cat f; stat -c '%a %s' f; install -D -m 644 f x/y/z; cat x/y/z; install -d -m 750 q/r; stat -c %a q/r; install f nodir/x; install nope y; stat -c %a x
===
touch f; install f g; stat -c %a g; install -m u=rw,go= f h; stat -c %a h; install -m zz f i
===
touch -d @100 f; stat -c %Y f; touch -c nope; ls; touch nodir/x; touch f; [ "$(stat -c %Y f)" -gt 1000 ] && echo new; stat -c '%s %F' f; echo x >f; stat -c '%s %F %U' f; stat -c %s nope
===
touch f; chmod 640 f; stat -c '%a %A' f; chmod u+x,g=,o=r f; stat -c %a f; chmod +x f; stat -c %a f; chmod a-x f; stat -c %a f; chmod 999 f; chmod 600 nope; chmod -R go-rwx .; stat -c %a f; chmod u=rwX f; stat -c %a f
===
touch b a .h; mkdir d; touch d/x; ls; ls -a; ls -A; ls -1; ls d; ls -d d; ls nope; ls a b; ls a d nope; ls -r
===
ln -s f l; readlink l; cat l; echo hi >f; cat l; readlink -f l | sed 's/.*\///'; ln -s x l; ln -sf x l; readlink l; rm l; ls; readlink f; echo $?; mkdir d; ln -s d e; touch e/y; ls d; [ -L e ] && echo link; rm e; ls
===
printf 'a\nb\nab\nA\n' >f; grep a f; grep -c a f; grep -v a f; grep -i a f; grep -n b f; grep -x a f; grep -q a f; echo $?; grep z f; echo $?; grep a nope; echo $?; grep -s a nope; echo $?
===
printf 'a\nb\n' >f; printf 'a\n' >g; grep a f g; grep -h a f g; grep -H a f; grep -l a f g; grep -c a f g; grep -L b f g; grep -aHs '' f g nope; echo $?; grep -e a -e b f; cat f | grep -H b
===
printf 'foo bar\nfoo.bar\n[x]\na+b\n' >f; grep -F . f; grep '\.' f; grep 'o\{2\}' f; grep -E 'o{2}|x' f; grep '^\[' f; grep -E 'a\+b' f; grep 'a+b' f; grep 'a\+b' f; grep '[[:space:]]' f; grep -o 'o[ .]b' f; grep -w bar f; grep -E '^(foo|a)' f; grep 'r$' f; grep '[]x]' f; grep -m1 foo f
===
mkdir d; echo hit >d/a; echo no >d/b; grep -r hit d; grep -rl hit .; grep hit d; echo $?; grep '*' d/a; echo $?; grep -E 'x|^hit$' d/a; grep -vE '^#|^$' d/a
===
printf '1\n2\n3\n4\n5\n' >f; head -n 2 f; head -2 f; tail -n 2 f; tail -1 f; tail -n +4 f; head -c 3 f; tail -c 2 f; head nope; tail nope; head -n 1 f f; cat f | head -1; cat f | tail -1; printf 'x' | head -n 1
===
printf 'a b\nc\n' >f; wc f; wc -l f; wc -l <f; wc -c f; wc -w <f; wc -l f f; printf x | wc -l; wc nope; cat f | wc
===
printf 'b\na\nc\nb\n' >f; sort f; sort -r f; sort -u f; printf '10\n9\n2\n' | sort -n; printf '10\n9\n2\n' | sort -rn; printf 'v1.10\nv1.9\n' | sort -V; printf 'x 2\ny 1\n' | sort -k2; printf 'x:2\ny:10\n' | sort -t: -k2 -n; printf 'x:2\ny:10\n' | sort -t: -k2n,2; sort nope
===
printf 'a\na\nb\na\n' | uniq; printf 'a\na\nb\n' | uniq -c; printf 'a\na\nb\n' | uniq -d; printf 'a\na\nb\n' | uniq -u
===
printf 'a:b:c\nx\n' | cut -d: -f2; printf 'a:b:c\nx\n' | cut -d: -f1,3; printf 'a:b:c\nx\n' | cut -s -d: -f2-; printf 'abcdef\n' | cut -c2-4; printf 'a\tb\n' | cut -f2; printf 'abc\n' | cut -c-2; cut -c1 nope
===
echo hello | tr a-z A-Z; echo 'a  b' | tr -s ' '; echo a1b2 | tr -d 0-9; echo 'a b' | tr ' ' '\n'; echo abc | tr -cd 'ab\n'; echo Hi | tr '[:upper:]' '[:lower:]'; echo aabb | tr -s ab; echo 'a,b;c' | tr ',;' '  '; echo x | tr -dc a
===
printf 'one\ntwo\nthree\n' >f; sed 's/o/0/' f; sed 's/e/E/g' f; sed -n 2p f; sed -n '/two/p' f; sed 1d f; sed '$d' f; sed -n '$p' f; sed '/two/d' f; sed -n '2,3p' f; sed -i 's/one/1/' f; cat f; sed -e s/1/x/ -e s/t/T/ f; sed 2q f
===
echo 'a/b/c' | sed 's|/|-|g'; echo 'key=value' | sed -n 's/^key=//p'; echo 'abc' | sed 's/\(a\)\(b\)/\2\1/'; echo abc | sed -E 's/(a)(b)/\2\1/'; echo abc | sed 's/b/[&]/'; echo aXa | sed 's/x/y/i'; echo 'a.b' | sed 's/\./\\/'; echo aaa | sed 's/a/b/2'; printf 'a\nb\n' | sed -n '/a/!p'; sed p nope; printf 'a\nb\nc\nd\n' | sed '/b/,/c/d'; echo x | sed 's/x/a\nb/'
===
echo -n abc | sha256sum; echo abc >f; sha256sum f; md5sum f; sha1sum f; sha512sum f >s; sha512sum -c s; sha256sum f >s; sha256sum -c s; echo $?; echo x >f; sha256sum -c s; echo $?; sha256sum --status -c s; echo $?; rm f; sha256sum -c s; echo $?; sha256sum --ignore-missing -c s; echo $?; sha256sum nope; sha256sum -b s | cut -c66
===
echo abc >f; echo "$(sha256sum f | cut -d' ' -f1) *f" | sha256sum -c -; echo bad | sha256sum -c; sha256sum f | sha256sum --quiet -c; echo $?; sha256sum f nope2 f; sha256sum --tag f; sha256sum --tag f | sha256sum -c
===
basename /a/b/c.txt; basename /a/b/c.txt .txt; basename a/; basename /; dirname /a/b; dirname a; dirname /a; dirname a/b/; dirname /; basename -s .sh x.sh
===
seq 3; seq 2 4; seq 1 2 5; seq 3 -1 1; seq -s, 3; seq -w 8 10; seq 0; seq 5 4
===
echo hello | base64; echo aGVsbG8K | base64 -d; printf '%0100d' 0 | base64; printf '%0100d' 0 | base64 -w0; echo; printf '!!' | base64 -d; echo $?; printf x >f; base64 f
===
echo a | tee f; cat f; echo b | tee -a f g; cat f g; echo x | tee nodir/f; echo $?
===
env -i A=1 env; A=2 env | grep ^A=; env A=3 sh -c 'echo $A'; env nope; echo $?; env -u A sh -c 'echo ${A-unset}'; env -i sh -c 'echo ok'
===
printf 'a b\nc\n' | xargs; printf 'a b\nc\n' | xargs -n1 echo x; printf 'a\nb\n' | xargs -I{} echo '<{}>'; printf '' | xargs -r echo no; printf '' | xargs echo yes; printf 'a b\0c\0' | xargs -0 -n1 echo; echo x | xargs false; echo $?; echo x | xargs nope; echo $?
===
timeout 5 echo hi; timeout 5 false; echo $?; timeout 5 nope; echo $?; timeout 0.2 sleep 30; echo $?; timeout -s KILL 0.2 sleep 30; echo $?; timeout 5 sh -c 'exit 7'; echo $?
===
nohup true; echo $?; nohup nope; echo $?; nice echo n; nice -n 5 echo m; setsid echo s; setsid -w sh -c 'exit 4'; echo $?
===
flock l echo in; echo $?; flock -n l true; flock l -c 'echo c; exit 3'; echo $?; flock -n l sh -c 'flock -n l echo no; echo $?'; ls; flock -s l flock -n -s l echo shared; flock -s l flock -n l echo no; echo $?; flock -E 9 -n l flock -E 9 -n l true; echo $?
===
( flock -n 9 || echo busy; flock -n l echo no; echo $? ) 9>l; flock -n l echo yes; exec 8>l; flock -n 8; (flock -n l true || echo held); flock -u 8; flock -n l echo free; flock nodir/l true; echo $?
===
flock l sh -c 'sleep 0.3 & exec true' >/dev/null; flock -n l true; echo $?; wait; flock -w 5 l echo later; flock -w 0.2 l flock -w 0.2 l true; echo $?
===
mkdir -p a/b; touch a/f a/b/g.txt; find a | sort; find a -type f | sort; find a -name '*.txt'; find a -maxdepth 1 | sort; find . -name nope; find nope; echo $?; find a -type d | sort; find a -name g.txt -delete; find a -type f; find a -mindepth 1 -maxdepth 1 -type d; touch -d @0 a/old; find a -type f -mtime +5; find a -mtime -1 -type f; find a ! -type d | sort; find a -empty -type f | sort
===
printf 12345 >f; dd if=f bs=1 count=2 2>/dev/null; echo; dd if=f of=g 2>/dev/null; cat g; echo; dd if=/dev/zero bs=4 count=2 2>/dev/null | wc -c; cat f | dd bs=2 skip=1 2>/dev/null; echo; du -b f; du -sb f; head -c 4 /dev/zero | wc -c
===
truncate -s 3 f; stat -c %s f; echo hello >g; truncate -s 2 g; cat g; echo; truncate -s 0 g; wc -c <g
===
mktemp -d x.XXXXXX | sed 's/\..*//'; f=$(mktemp); [ -f "$f" ] && echo made; stat -c %a "$f"; rm "$f"; d=$(mktemp -d); [ -d "$d" ] && stat -c %a "$d"; rmdir "$d"; mktemp xx; mktemp -p . abc.XXXX | cut -c1-6
===
date -d @0 +%s; date -u -d @86400 +%Y-%m-%d; date -u -d @1.5 '+%s %H:%M:%S %j %y%m%d %F %T'; [ $(date +%s) -gt 1700000000 ] && echo now; date +%s.%N | grep -c '^[0-9]*\.[0-9]\{9\}$'; date nope
===
id -u; id -un; whoami; uname -s; uname -m; [ "$(hostname)" = "$(uname -n)" ] && echo same; nproc >/dev/null && echo ok; printenv HOME; printenv NOPE; echo $?; uname | cat
===
/bin/echo 'a\tb'; /bin/echo -n x; /usr/bin/printf '%s-%d\n' a 1; /usr/bin/test a = a; echo $?; /usr/bin/[ a = b ]; echo $?; /bin/true; /bin/false; echo $?; /bin/sh -c 'echo sh'; sh -c 'exit 5'; echo $?
===
echo a >f; exec 3<f; cat <&3; exec 3<&-; cat /dev/null; echo e >/dev/stderr; echo x | tee /dev/stderr >/dev/null; cat <f >g; cat g; : >g; wc -c <g
===
printf '#!/bin/sh\necho "script $1"\nexit 3\n' >s; ./s; echo $?; chmod +x s; ./s arg; echo $?; sh s x; mkdir b; mv s b/tool; PATH=$PWD/b:$PATH; tool y; command -v tool | sed 's/.*\///'
===
yes | head -n 2; yes no | head -1; seq 100000 | head -n 1; seq 10 | tail -n 1; seq 5 | while read x; do [ $x = 3 ] && echo three; done
===
df -P / | wc -l; df -B1 --output=avail / | head -n 1 | tr -d ' '; df -k nope; echo $?; df -P / | head -n 1 | tr -s ' '; df -B1 --output=target,avail / | tail -n 1 | cut -c1
""".strip("\n").split("\n===\n")
