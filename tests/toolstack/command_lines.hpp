// Command lines for tests: one string, one argument per blank.
#pragma once

#include "dm/toolstack/command_line.hpp"

#include <gmock/gmock.h>
#include <string>
#include <string_view>
#include <vector>

namespace dm::toolstack::test {

/// What libxl 4.17 passed for `memory=256`, one raw file as hda, `serial="pty"` and defaults otherwise.
inline constexpr std::string_view kPlainGuest =
    "-xen-domid 1 -no-shutdown -chardev socket,id=libxl-cmd,path=/var/run/xen/qmp-libxl-1,server=on,wait=off "
    "-mon chardev=libxl-cmd,mode=control -chardev "
    "socket,id=libxenstat-cmd,path=/var/run/xen/qmp-libxenstat-1,server=on,wait=off "
    "-mon chardev=libxenstat-cmd,mode=control -nodefaults -no-user-config -name g -vnc 127.0.0.1:0,to=99 "
    "-display none -serial pty -device cirrus-vga,vgamem_mb=8 -boot order=cda -net none "
    "-machine xenfv,suppress-vmdesc=on -m 248 "
    "-drive file=/tmp/disk.img,if=ide,index=0,media=disk,format=raw,cache=writeback";

/// What it passes for more: restored, two to four CPUs, USB tablet, sound, password, e1000, disk and CD. The
/// disk is raw where the derived example has qcow2.
inline constexpr std::string_view kRichGuest =
    "-xen-domid 7 -no-shutdown -chardev socket,id=libxl-cmd,path=/var/run/xen/qmp-libxl-7,server=on,wait=off "
    "-mon chardev=libxl-cmd,mode=control -chardev "
    "socket,id=libxenstat-cmd,path=/var/run/xen/qmp-libxenstat-7,server=on,wait=off "
    "-mon chardev=libxenstat-cmd,mode=control -nodefaults -no-user-config -name g "
    "-vnc 127.0.0.1:0,password=on,to=99 -display none -k de -device VGA,vgamem_mb=16 -boot order=dc -usb "
    "-usbdevice tablet -device intel-hda -device hda-duplex -smp 2,maxcpus=4 "
    "-device e1000,id=nic0,netdev=net0,mac=00:16:3e:aa:bb:cc "
    "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=br0,script=no,downscript=no -incoming fd:31 "
    "-machine xenfv,suppress-vmdesc=on -m 2032 "
    "-drive file=/d.raw,if=ide,index=0,media=disk,format=raw,cache=writeback "
    "-drive if=none,readonly=on,id=ide-5632,file=/i.iso,format=raw "
    "-device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0";

/// The least that starts a guest; append what a test is about.
inline constexpr std::string_view kLeast = "-xen-domid 1 -machine xenfv ";

inline std::vector<std::string> words(std::string_view line) {
    std::vector<std::string> out;
    while (!line.empty()) {
        const std::string_view word = line.substr(0, line.find(' '));
        line.remove_prefix(std::min(line.size(), word.size() + 1));
        if (!word.empty()) out.emplace_back(word);
    }
    return out;
}

inline Result<CommandLine> parse_words(const std::vector<std::string>& arguments,
                                       bool accept_refused = false) {
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments)
        pointers.push_back(argument.c_str());
    return parse_command_line(pointers, accept_refused);
}

inline Result<CommandLine> parse_line(std::string_view line, bool accept_refused = false) {
    return parse_words(words(line), accept_refused);
}

/// kLeast and `line`, which must be fine.
inline MachineOptions machine(std::string_view line, bool accept_refused = false) {
    auto result = parse_line(std::string(kLeast) + std::string(line), accept_refused);
    EXPECT_TRUE(result.ok()) << line << ": " << (result.ok() ? "" : result.error().message);
    return result.ok() ? std::move(result->machine) : MachineOptions();
}

/// kLeast and `line`, which must be refused.
inline std::string error(std::string_view line) {
    const auto result = parse_line(std::string(kLeast) + std::string(line));
    EXPECT_FALSE(result.ok()) << line;
    return result.ok() ? std::string() : result.error().message;
}

} // namespace dm::toolstack::test
