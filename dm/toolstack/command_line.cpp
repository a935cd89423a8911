#include "dm/toolstack/command_line.hpp"

namespace dm::toolstack {
namespace {

/// "-m 248", "-S"
std::string as_typed(const OptionRow& row, const std::string& value) {
    return row.has_value ? fmt::format("-{} {}", row.name, value) : fmt::format("-{}", row.name);
}

Status take_option(CommandLineDraft& draft, const OptionRow& row, const std::string& value) {
    draft.text = as_typed(row, value);
    if (row.support == Support::Refused && !draft.accept_refused)
        return fail("{}: {}", draft.text, row.consequence);
    if (row.handle != nullptr)
        if (const Status taken = row.handle(draft, value); !taken.ok())
            return fail("{}: {}", draft.text, taken.error().message);
    if (row.support == Support::Logged) draft.note(row.consequence);
    return {};
}

Status take_all(CommandLineDraft& draft, std::span<const char* const> arguments) {
    for (std::size_t i = 0; i < arguments.size() && !draft.print; ++i) {
        std::string_view word = arguments[i];
        if (!word.starts_with('-')) return fail("'{}' is not an option; see -help", word);
        word.remove_prefix(word.starts_with("--") ? 2 : 1);
        const OptionRow* row = find_option(word);
        if (row == nullptr) return fail("-{}: there is no such option; see -help", word);
        std::string value;
        if (row->has_value) {
            if (++i == arguments.size()) return fail("-{} needs a value; see -help", word);
            value = arguments[i];
        }
        DM_TRY(take_option(draft, *row, value));
    }
    return {};
}

/// Joins what named each other. The errors name the options themselves.
Status finish(CommandLineDraft& draft) {
    DM_TRY(finish_machine(draft));
    DM_TRY(finish_monitors(draft));
    DM_TRY(finish_parallels(draft));
    DM_TRY(finish_serials(draft));
    DM_TRY(place_ide_drives(draft));
    DM_TRY(place_floppies(draft));
    DM_TRY(finish_devices(draft));
    DM_TRY(finish_drives(draft));
    DM_TRY(finish_netdevs(draft));
    DM_TRY(finish_vnc(draft));
    if (draft.out.accel == Accel::Qtest && !draft.missing.empty()) return fail("{}", draft.missing.front());
    return {};
}

} // namespace

Result<CommandLine> parse_command_line(std::span<const char* const> arguments, bool accept_refused) {
    CommandLineDraft draft;
    draft.accept_refused = accept_refused;
    DM_TRY(take_all(draft, arguments));
    if (!draft.print) DM_TRY(finish(draft));
    return CommandLine{std::move(draft.out), std::move(draft.print)};
}

Result<CommandLine> parse_command_line(std::span<const char* const> arguments) {
    return parse_command_line(arguments, false);
}

} // namespace dm::toolstack
