// The QMP commands: one table with the arguments of each, checked before the command runs.
#pragma once

#include "dm/toolstack/qmp_types.hpp"

#include <array>
#include <span>

namespace dm::toolstack {

enum class QmpType : u8 { Any, String, Integer, Boolean, Objects };

struct QmpArgument {
    std::string_view name; ///< empty: no more arguments
    QmpType type = QmpType::Any;
    bool required = false;
};

struct QmpCommand {
    using Run = QmpReply (*)(QmpContext&, const Json& arguments);

    std::string_view name;
    Run run = nullptr;
    std::array<QmpArgument, 6> arguments{};
    bool any_arguments = false; ///< takes others than those listed
};

/// Sorted by name.
std::span<const QmpCommand> qmp_commands();

/// Runs `name`; `arguments` is an object. Negotiation is the session's: it answers qmp_capabilities itself.
QmpReply run_command(QmpContext& context, std::string_view name, const Json& arguments);

} // namespace dm::toolstack
