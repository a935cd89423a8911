"""UEFI firmware for Xen's HVM guests. Debian's own OVMF is built without Xen, so this is built from its source package."""
import os
import shutil

from debian_source import NoSource, fetch

from .say import LabError, run_logged
from .settings import cache_dir

VERSION = "2022.11"
# Debian lets the shell depend on a library that only its own platforms name.
UNDONE = "debian/patches/Disable-the-Shell-when-SecureBoot-is-enabled.patch"
# Writing CR8 while an interrupt waits ends QEMU 7.2's emulation of a guest in a guest, which is what the lab is (it asserts
# that it holds its lock). The handler only puts back what is there anyhow.
HANDLERS = "UefiCpuPkg/Library/CpuExceptionHandlerLib/X64/*ExceptionHandlerAsm.nasm"
# Without iSCSI and TLS: nobody here boots from there, and they are the larger half of the build.
BUILD = "build -n {cores} -a X64 -t GCC5 -b RELEASE -p OvmfPkg/OvmfXen.dsc -D FD_SIZE_2MB -D NETWORK_ISCSI_ENABLE=FALSE"


def make_ovmf(directory, log):
    folder = cache_dir() / "edk2"
    shutil.rmtree(folder / "edk2", ignore_errors=True)  # of a build that was interrupted
    folder.mkdir(parents=True, exist_ok=True)
    try:
        tree = fetch("edk2", VERSION, folder, lambda command: run_logged(command, log, cwd=folder))
    except NoSource as error:
        raise LabError(str(error)) from None
    cores = os.cpu_count()
    script = (f"patch -R -p1 -s <{UNDONE} && sed -i 's/mov *cr8, rax/nop/' {HANDLERS} && . ./edksetup.sh && "
              f"make -C BaseTools/Source/C -j{cores} ARCH=X64 && {BUILD.format(cores=cores)}")
    environment = {name: value for name, value in os.environ.items() if name not in ("WORKSPACE", "EDK_TOOLS_PATH", "CONF_PATH")}
    run_logged(["bash", "-c", script], log, cwd=tree, env=environment | {"PYTHON3_ENABLE": "TRUE"})
    shutil.copy(tree / "Build/OvmfXen/RELEASE_GCC5/FV/OVMF.fd", directory / "OVMF.fd")
    shutil.rmtree(folder)
