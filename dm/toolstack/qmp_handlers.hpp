// The commands behind the table in qmp_commands.cpp. Their arguments have the types that the table says.
#pragma once

#include "dm/toolstack/qmp_types.hpp"

namespace dm::toolstack {

// qmp_query.cpp: what there is
QmpReply query_block(QmpContext& context, const Json& arguments);
QmpReply query_blockstats(QmpContext& context, const Json& arguments);
QmpReply query_chardev(QmpContext& context, const Json& arguments);
QmpReply query_command_line_options(QmpContext& context, const Json& arguments);
QmpReply query_commands(QmpContext& context, const Json& arguments);
QmpReply query_cpus_fast(QmpContext& context, const Json& arguments);
QmpReply query_hotpluggable_cpus(QmpContext& context, const Json& arguments);
QmpReply query_machines(QmpContext& context, const Json& arguments);
QmpReply query_name(QmpContext& context, const Json& arguments);
QmpReply query_pci(QmpContext& context, const Json& arguments);
QmpReply query_status(QmpContext& context, const Json& arguments);
QmpReply query_version(QmpContext& context, const Json& arguments);
QmpReply query_vnc(QmpContext& context, const Json& arguments);

/// "running", "paused"
std::string_view word_of(RunState state);
Json version_object();

// qmp_run.cpp: running, stopping, saving
QmpReply change_vnc_password(QmpContext& context, const Json& arguments);
QmpReply expire_password(QmpContext& context, const Json& arguments);
QmpReply cont(QmpContext& context, const Json& arguments);
QmpReply quit(QmpContext& context, const Json& arguments);
QmpReply set_password(QmpContext& context, const Json& arguments);
QmpReply stop(QmpContext& context, const Json& arguments);
QmpReply system_powerdown(QmpContext& context, const Json& arguments);
QmpReply system_reset(QmpContext& context, const Json& arguments);
QmpReply system_wakeup(QmpContext& context, const Json& arguments);
QmpReply xen_save_devices_state(QmpContext& context, const Json& arguments);
QmpReply xen_set_global_dirty_log(QmpContext& context, const Json& arguments);
/// What QEMU has for COLO, known and refused.
QmpReply no_colo(QmpContext& context, const Json& arguments);

// qmp_media.cpp: descriptors and removable media
QmpReply add_fd(QmpContext& context, const Json& arguments);
QmpReply blockdev_change_medium(QmpContext& context, const Json& arguments);
QmpReply block_resize(QmpContext& context, const Json& arguments);
QmpReply eject(QmpContext& context, const Json& arguments);
QmpReply query_fdsets(QmpContext& context, const Json& arguments);
QmpReply remove_fd(QmpContext& context, const Json& arguments);

// qmp_screen.cpp: the picture
QmpReply screendump(QmpContext& context, const Json& arguments);

// qmp_keys.cpp: the keyboard
QmpReply send_key(QmpContext& context, const Json& arguments);

// qmp_device.cpp: hotplug, cables
QmpReply device_add(QmpContext& context, const Json& arguments);
QmpReply device_del(QmpContext& context, const Json& arguments);
QmpReply set_link(QmpContext& context, const Json& arguments);

// hmp.cpp: the human monitor
QmpReply human_monitor_command(QmpContext& context, const Json& arguments);

/// `driver` of the vCPUs that device_add plugs in.
inline constexpr std::string_view kCpuDriver = "qemu32-i386-cpu";

} // namespace dm::toolstack
