"""Opens what is closed to one other account, and to that account alone where the file system has ACLs.

PostgreSQL refuses to run as root. Started by root it runs as another account, which must reach its data and
its programs through folders that are often closed to everyone (a 0700 home, umask 077).
"""

import errno
import os
import pwd
import struct
from dataclasses import dataclass
from pathlib import Path

SEARCH, READ = 1, 4

_ACL = "system.posix_acl_access"
_VERSION = 2
_OWNER, _USER, _GROUP_OWNER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NOBODY_IN_PARTICULAR = 0xFFFFFFFF


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int

    @property
    def name(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    def as_options(self) -> dict:
        """For subprocess: this account and none of the caller's groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def open_parents(of: Path, account: Account) -> list[Path]:
    """Lets the account pass every folder above; returns those that were closed until now."""
    return [folder for folder in reversed(of.resolve().parents) if _grant(folder, account, SEARCH)]


def open_tree(top: Path, account: Account) -> list[Path]:
    """Lets the account read all files below; returns the top when anything was closed until now."""
    opened = False
    for folder, _, files in os.walk(top):
        opened |= _grant(Path(folder), account, READ | SEARCH)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                run = SEARCH if file.stat().st_mode & 0o100 else 0
                opened |= _grant(file, account, READ | run)
    return [top] if opened else []


def _grant(path: Path, account: Account, wanted: int) -> bool:
    found = path.stat()
    if found.st_uid == account.uid or found.st_mode & wanted == wanted:
        return False
    try:
        acl = _read_acl(path, found.st_mode)
        if acl.get((_USER, account.uid), 0) & acl.get((_MASK, _NOBODY_IN_PARTICULAR), 7) & wanted == wanted:
            return False
        _write_acl(path, _with_user(acl, account.uid, wanted))
    except (AttributeError, OSError) as error:
        if getattr(error, "errno", None) not in (None, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
        # No ACLs here (or no such call on this system): everyone may pass, which opens no listing.
        path.chmod(found.st_mode & 0o7777 | wanted)
    return True


def _with_user(acl: dict, uid: int, wanted: int) -> dict:
    """The list with that right added and nobody else's effective right changed."""
    mask = acl.get((_MASK, _NOBODY_IN_PARTICULAR), 7)
    under_mask = (_USER, _GROUP_OWNER, _GROUP)
    acl = {entry: right & mask if entry[0] in under_mask else right for entry, right in acl.items()}
    acl[_USER, uid] = acl.get((_USER, uid), 0) | wanted
    acl[_MASK, _NOBODY_IN_PARTICULAR] = 0
    for (tag, _), right in list(acl.items()):
        if tag in under_mask:
            acl[_MASK, _NOBODY_IN_PARTICULAR] |= right
    return acl


def _read_acl(path: Path, mode: int) -> dict[tuple[int, int], int]:
    try:
        raw = os.getxattr(path, _ACL)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        rights = {_OWNER: mode >> 6 & 7, _GROUP_OWNER: mode >> 3 & 7, _OTHER: mode & 7}
        return {(tag, _NOBODY_IN_PARTICULAR): right for tag, right in rights.items()}
    return {(tag, whom): right for tag, right, whom in struct.iter_unpack("<HHI", raw[4:])}


def _write_acl(path: Path, acl: dict[tuple[int, int], int]) -> None:
    entries = (struct.pack("<HHI", tag, right, whom) for (tag, whom), right in sorted(acl.items()))
    os.setxattr(path, _ACL, struct.pack("<I", _VERSION) + b"".join(entries))
