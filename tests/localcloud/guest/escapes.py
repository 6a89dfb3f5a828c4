"""What an instance must not be able to do, by what it tries: shell scripts run as its root, which print ESCAPED where they succeed.

`{name}` stands for a fact of the host. Each is written so that a tool that is missing does not make it fail: what is tried is tried by
system call where no tool does it. What takes no single command (fork bombs, full disks and memory, other instances' secrets) is in the
tests themselves.
"""

from __future__ import annotations

# By shell commands.
_SHELL = {
    "read the host's password file": "grep -q '^{user}:.*{home}' /etc/passwd && [ {home} != /root ] && echo ESCAPED",
    "read the cloud's folder": "ls {cloud} && echo ESCAPED",
    "read the host's home": "ls -A {home} | grep -v -e .bashrc -e .profile && echo ESCAPED",
    "read the repository": "ls {repository} && echo ESCAPED",
    "read the host's shadow file": "grep -E '^[^:]+:\\$' /etc/shadow && echo ESCAPED",
    "write to the system": "touch /usr/bin/evil && echo ESCAPED",
    "replace a command of the init": "echo > /usr/local/lib/guest/init/pid1.py && echo ESCAPED",
    "change the shared certificates": "touch /etc/ssl/certs/evil.pem && echo ESCAPED",
    "see processes of the host": "[ -e /proc/{pid} ] && grep -q {command} /proc/{pid}/cmdline && echo ESCAPED",
    "make a user namespace": "unshare --user true && echo ESCAPED",
    "make a mount namespace": "unshare --mount true && echo ESCAPED",
    "make a network namespace": "unshare --net true && echo ESCAPED",
    "mount something": "mount -t tmpfs none /mnt && echo ESCAPED",
    "make the system writable": "mount -o remount,rw /usr && echo ESCAPED",
    "enter another namespace": "nsenter --target 1 --mount true && echo ESCAPED",
    "change its link": "ip link set eth0 down && echo ESCAPED",
    "take another address": "ip address add 10.0.0.99/24 dev eth0 && echo ESCAPED",
    "change its routes": "ip route replace default via 10.0.0.9 && echo ESCAPED",
    "write firewall rules": "nft add table ip evil && echo ESCAPED",
    "send raw packets": "{python} -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)' && echo ESCAPED",
    "change a setting of the kernel": "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern && echo ESCAPED",
    "press the magic key": "echo h > /proc/sysrq-trigger && echo ESCAPED",
    "change the mode of a kernel file": "chmod 444 /proc/meminfo && echo ESCAPED",
    "change the mode of the host's devices": "chmod 666 /dev/null && echo ESCAPED",
    "read the kernel's log": "dmesg && echo ESCAPED",
    "read the machine's memory": '{python} -c \'open("/proc/kcore", "rb").read(1)\' && echo ESCAPED',
    "make a device": "mknod /tmp/disk b 254 0 && echo ESCAPED",
    "gain a capability": "{python} -c 'import os; os.sethostname' ; hostname evil && echo ESCAPED",
    "set the clock": "date -s 2020-01-01 && echo ESCAPED",
    "become real": "chroot / true && echo ESCAPED",
    "reboot the host": "{python} -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).reboot(0x89abcdef))' && echo ESCAPED",
    "keep more files open than allowed": "ulimit -n 1000000 && echo ESCAPED",
    "type into the terminal above": (
        '{python} -c \'import fcntl, termios, os; fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), termios.TIOCSTI, b"x")\' && echo ESCAPED'
    ),
    "reach the host's services": "{python} -c 'import socket; socket.create_connection((\"{gateway}\", {port}), 1)' && echo ESCAPED",
    "find the host's sockets": "find / -xdev -type s -not -path '/run/*' 2>/dev/null | grep . && echo ESCAPED",
    "share memory with the host": "ipcs -m | grep -E '^0x' && echo ESCAPED",
    "see the tree of control groups": '[ -n "$(ls -A /sys/fs/cgroup)" ] && echo ESCAPED',
    "mount the tree of control groups": "mount -t cgroup2 none /mnt && echo ESCAPED",
    "learn which control groups it is in": "sed 's/^[^:]*:[^:]*://' /proc/self/cgroup /proc/1/cgroup | grep -vx / && echo ESCAPED",
    "find a way into another control group": (
        "find / -path /proc -prune -o -name cgroup.procs -print 2>/dev/null | grep . && echo ESCAPED; "
        "ls -l /proc/[0-9]*/fd /proc/[0-9]*/cwd 2>/dev/null | grep cgroup && echo ESCAPED"
    ),
    "leave through the container's root": "ls /proc/1/root/../../{cloud} && echo ESCAPED",
}

# By system calls: Python statements that raise, or end with `ok` false, where the kernel refuses.
CALLS = {
    "trace the host's processes": "ok = libc.ptrace(0x4206, {pid}, 0, 0) == 0  # PTRACE_SEIZE",
    "trace what made the sandbox": "ok = libc.ptrace(0x4206, 0, 0, 0) == 0",
    "read the memory of the host's processes": "ok = libc.process_vm_readv({pid}, vec(8), 1, vec(8), 1, 0) > 0",
    "signal the host's processes": "os.kill({pid}, 0); ok = b'{command}' in command({pid})",
    "get hold of the host's processes": "ok = libc.syscall(434, {pid}, 0) >= 0 and b'{command}' in command({pid})  # pidfd_open",
    "list the host's keys": "ok = '{key_name}' in open('/proc/keys').read()",
    "read a key of the host's": "ok = libc.syscall(250, 11, {key}, ctypes.create_string_buffer(64), 64) > 0  # KEYCTL_READ",
    "find a key of the host's": "ok = libc.syscall(250, 10, -5, b'user', b'{key_name}', 0) > 0  # KEYCTL_SEARCH in the user's session",
    "link the user's keyring of the host": "libc.syscall(250, 8, -4, -3); ok = libc.syscall(250, 10, -4, b'user', b'{key_name}', 0) > 0",
    "make a link by netlink": "ok = netlink(16, 0x605)  # RTM_NEWLINK",
    "remove its address by netlink": "ok = netlink(21, 0x5)  # RTM_DELADDR",
    "change its routes by netlink": "ok = netlink(24, 0x605)  # RTM_NEWROUTE",
    "speak to the firewall by netlink": "s = socket.socket(16, 3, 12); s.bind((0, 0)); s.send(nft_batch()); ok = acknowledged(s)",
    "listen to the host's events": "s = socket.socket(16, 3, 15); s.bind((0, 1)); s.settimeout(0.2); ok = bool(s.recv(1))",
    "speak to the host's audit": "s = socket.socket(16, 3, 9); s.bind((0, 0)); ok = audit(s)",
    "nest namespaces by clone": "ok = libc.unshare(0x10000000) == 0 or libc.unshare(0x40000000) == 0",
    "nest namespaces by clone3": "ok = clone3(0x10000000 | 0x20000) == 0",
    "enter the namespaces of the init's parents": "fd = libc.ioctl(own_users(), 0xb701); ok = fd >= 0 and libc.setns(fd, 0) == 0",
    "load a program into the kernel": "ok = libc.syscall(321, 5, ctypes.create_string_buffer(128), 128) >= 0  # BPF_PROG_LOAD",
    "watch the processors": "ok = libc.syscall(298, padded('01000000 70', 112), -1, 0, -1, 0) >= 0  # perf_event_open",
    "open by handle": "ok = libc.open_by_handle_at(os.open('/', 0), padded('08000000 01000000 02', 32), 0) >= 0",
    "see itself from before its root": "os.chdir('/'); os.chdir('../../../../..'); ok = os.path.exists('{cloud}')",
    "load a module": "ok = libc.syscall(175, b'x', 1, b'') == 0",
    "change the host's name": "ok = libc.sethostname(b'evil', 4) == 0",
    "become another user of the host": "os.setresuid(1000, 1000, 1000); ok = True",
    "raise its own limits": "resource.setrlimit(resource.RLIMIT_NPROC, (1 << 20, 1 << 20)); ok = True",
    "outrun the host": "os.setpriority(os.PRIO_PROCESS, 0, -20); ok = True",
    "run in real time": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)); ok = True",
    "lock the host's memory": "resource.setrlimit(resource.RLIMIT_MEMLOCK, (-1, -1)); ok = libc.mlockall(3) == 0",
    "spare itself from the kernel's choice": "open('/proc/self/oom_score_adj', 'w').write('-1000'); ok = True",
    "write to a device of the host's": "ok = any(opens(f'/dev/{name}') for name in ('sda', 'vda', 'mem', 'kmsg', 'fuse', 'net/tun'))",
    "use the host's virtual machines": "ok = os.open('/dev/kvm', os.O_RDWR) >= 0",
    "make a set-user-ID program": "open('/root/s', 'w').close(); os.chown('/root/s', {uid}, {uid}); os.chmod('/root/s', 0o4755); ok = True",
    "give a file a capability": "open('/root/c', 'w').close(); os.setxattr('/root/c', 'security.capability', bytes(20)); ok = True",
    "speak to abstract sockets of the host": "s = socket.socket(socket.AF_UNIX); s.connect(b'\\0{abstract}'); ok = True",
    "reach what runs this machine": "socket.socket(40, socket.SOCK_STREAM); ok = True  # AF_VSOCK, which no namespace holds",
    "reach it by a pair": "ok = libc.socketpair(40, 1, 0, vec(8)) == 0",
    "reach it as 32 bits do": "ok = as_32_bits(359, 40, 1) >= 0  # socket",
    "reach it as x32 does": "ok = libc.syscall(0x40000000 | 41, 40, 1, 0) >= 0",
    "make keys at the user's cost": "ok = libc.syscall(248, b'user', b'mine', b'x', 1, -3) > 0  # add_key",
    "make keys as 32 bits do": "ok = as_32_bits(288, 6, -3) > 0 or as_32_bits(288, 0, -3, 1) > 0  # keyctl: describe, find its own keyring",
    "go around filters by io_uring": "ok = libc.syscall(425, 8, padded('', 120)) >= 0",
    "find the namespace above its own": "import fcntl; ok = fcntl.ioctl(os.open('/proc/self/ns/pid', 0), 0xb702) >= 0",
    "make a file system by the new calls": "ok = libc.syscall(430, b'tmpfs', 0) >= 0  # fsopen",
    "make a tree of control groups by the new calls": "ok = libc.syscall(430, b'cgroup2', 0) >= 0  # fsopen",
    "have a control groups' namespace of its own": "ok = libc.unshare(0x02000000) == 0  # CLONE_NEWCGROUP",
    "clone its mounts by the new calls": "ok = libc.syscall(428, -100, b'/', 1) >= 0  # open_tree, OPEN_TREE_CLONE",
    "have the kernel account to its disk": "ok = libc.syscall(163, b'/root') == 0  # acct",
    "put itself before others at the disk": "ok = libc.syscall(251, 1, 0, 1 << 13) == 0  # ioprio_set, real time",
    "start another kernel": "ok = libc.syscall(246, 0, 0, 0, 0) == 0  # kexec_load",
    "share memory by name": "ok = os.path.exists('/dev/shm/{shared}')",
}  # fmt: skip
HELPERS = r"""
import ctypes, os, resource, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def vec(size):
    buffer = ctypes.create_string_buffer(size)
    return (ctypes.c_size_t * 2)(ctypes.addressof(buffer), size)
def command(pid):
    return open(f"/proc/{pid}/cmdline", "rb").read()
def own_users():
    return os.open("/proc/self/ns/user", 0)
def padded(digits, size):
    return ctypes.create_string_buffer(bytes.fromhex(digits), size)
def opens(path):
    try:
        return os.open(path, os.O_RDWR) >= 0
    except OSError:
        return False
def acknowledged(s):
    s.settimeout(2)
    code = -struct.unpack_from("=i", s.recv(65536), 16)[0]  # of the NLMSG_ERROR, whose 0 is consent
    if code:
        raise OSError(code, os.strerror(code))
    return True
def netlink(kind, flags):
    s = socket.socket(16, 3, 0)
    s.bind((0, 0))
    info = struct.pack("=HH", 16, 18) + struct.pack("=HH8s", 12, 1, b"bridge")  # IFLA_LINKINFO
    name = struct.pack("=HH8s", 12, 3, b"evil0")
    route = struct.pack("=HH4s", 8, 1, bytes([203, 0, 113, 9])) + struct.pack("=HHi", 8, 4, 2)
    body = {
        16: struct.pack("=BxHiII", 0, 0, 0, 0, 0) + name + info,
        21: struct.pack("=BBBBI", 2, 32, 0, 0, 2) + struct.pack("=HH4s", 8, 2, socket.inet_aton("{address}")),
        24: struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 254, 3, 0, 1, 0) + route,
    }[kind]
    s.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body)
    return acknowledged(s)
def nft_batch():
    family = struct.pack("=BBH", 2, 0, socket.htons(10))
    begin = struct.pack("=IHHII", 20, 16, 1, 1, 0) + family
    name = struct.pack("=HH8s", 9, 1, b"evil")
    table = struct.pack("=IHHII", 20 + len(name), 10 << 8, 0x405, 2, 0) + struct.pack("=BBH", 2, 0, 0) + name
    return begin + table + struct.pack("=IHHII", 20, 17, 1, 3, 0) + family
def audit(s):
    s.send(struct.pack("=IHHII", 16, 1000, 5, 1, 0))
    return acknowledged(s)
def as_32_bits(number, *arguments):
    import mmap
    b, c, d = (struct.pack("=i", each) for each in (*arguments, 0, 0, 0)[:3])
    code = b"\x53\xb8" + struct.pack("=i", number) + b"\xbb" + b + b"\xb9" + c + b"\xba" + d + b"\xcd\x80\x5b\xc3"  # int 0x80
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(code)
    result = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    ctypes.set_errno(-result if result < 0 else 0)
    return result
def clone3(flags):
    pid = libc.syscall(435, struct.pack("=8Q", flags, 0, 0, 0, 17, 0, 0, 0), 64)
    if pid == 0:
        os._exit(0)
    return 0 if pid > 0 else 1
ok, why = False, ""
try:
    exec(sys.argv[1])
except (OSError, ValueError) as error:
    ok, why = False, repr(error)
print("ESCAPED" if ok else f"refused: {why or os.strerror(ctypes.get_errno())}")
"""

HELPER_FILE = "/opt/helpers.py"


def attempts() -> dict[str, str]:
    """Return every attempt as a shell script; those by system call need `HELPERS` in `HELPER_FILE`."""
    calls = {
        name: f"timeout 20 /usr/bin/python3 {HELPER_FILE} {_quoted(code)}" for name, code in CALLS.items()
    }
    return {**_SHELL, **calls}


def _quoted(code: str) -> str:
    return "'" + code.replace("'", "'\\''") + "'"
