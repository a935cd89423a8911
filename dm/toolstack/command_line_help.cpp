// -help, -version and the lists. libvirt runs `hvmdm -help` and takes the program for an older device model
// when the text holds one certain sentence of that one's help; a test keeps it out.
#include "dm/core/version.hpp"
#include "dm/toolstack/command_line.hpp"

namespace dm::toolstack {
namespace {

constexpr std::string_view kIntroduction =
    "hvmdm {}: a device model for HVM guests of Xen\n"
    "\n"
    "xl starts it, one process for each guest, when the guest's configuration says\n"
    "    device_model_override = \"/usr/libexec/hvmdm\"\n"
    "It takes the options of qemu-system-i386 as xl gives them. More can be added with\n"
    "    device_model_args_hvm = [ \"-option\", \"value\" ]\n"
    "\n";

void append_names(std::string& text, Support support) {
    std::size_t column = 80;
    for (const OptionRow& row : option_rows()) {
        if (row.support != support || !row.help.empty()) continue;
        const std::string word = fmt::format(" -{}", row.name);
        if (column + word.size() > 78) {
            text += "\n ";
            column = 1;
        }
        text += word;
        column += word.size();
    }
    text += "\n";
}

} // namespace

Status take_version(CommandLineDraft& draft, const std::string&) {
    draft.print =
        fmt::format("hvmdm {}\nspeaks QMP as QEMU {}.{}.{}\n", kVersion, kQemuMajor, kQemuMinor, kQemuMicro);
    return {};
}

Status take_help(CommandLineDraft& draft, const std::string&) {
    std::string text = fmt::format(fmt::runtime(kIntroduction), kVersion);
    for (const OptionRow& row : option_rows()) {
        if (row.help.empty()) continue;
        text += fmt::format("  -{} {}{}\n", row.name, row.help,
                            row.support == Support::Implemented ? "" : " (not supported yet)");
    }
    text +=
        "\nAccepted, because xl.cfg or device_model_args may hold them; the log says what they do not do:";
    append_names(text, Support::Logged);
    text += "\nRefused, with the reason:";
    append_names(text, Support::Refused);
    draft.print = std::move(text);
    return {};
}

std::string list_of_devices() {
    std::string text;
    for (const DeviceRow& row : device_rows()) {
        text += fmt::format("{:20} {}", row.driver,
                            row.support == Support::Implemented ? "emulated" : "not emulated yet");
        if (!row.alias.empty()) text += fmt::format(" (also called {})", row.alias);
        text += "\n";
    }
    return text;
}

std::string list_of_machines() {
    return "xenfv   PC (i440FX, PIIX3) with the Xen platform device\n"
           "pc      the same without it; needs accel=xen\n"
           "none    no machine: QMP only\n";
}

std::string list_of_accels() {
    return "xen\n";
}

std::string list_of_chardevs() {
    return "null\npty\nstdio\nfile\npipe\nsocket\nserial\n";
}

std::string list_of_netdevs() {
    return "tap\n";
}

std::string list_of_audiodevs() {
    return "none\nwav\n";
}

std::string list_of_sound_cards() {
    return "ac97    Intel 82801AA AC'97 audio\n"
           "es1370  Ensoniq AudioPCI ES1370\n"
           "hda     Intel HD audio\n"
           "sb16    Creative Sound Blaster 16\n"
           "all     each of them\n";
}

} // namespace dm::toolstack
