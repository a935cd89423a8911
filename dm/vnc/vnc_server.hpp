// The VNC server of a guest: listens, lets viewers in, shows them the screen and brings their keys and
// pointers to the devices. Notes: docs/vnc.md
#pragma once

#include "dm/core/display.hpp"
#include "dm/core/event_loop.hpp"
#include "dm/core/input.hpp"
#include "dm/core/machine_control.hpp"
#include "dm/core/result.hpp"
#include "dm/core/vnc_options.hpp"

#include <memory>
#include <optional>
#include <string_view>

namespace dm::vnc {

/// All calls from the device thread, destruction included. What it was given must outlive it.
class VncServer {
public:
    /// Binds and starts to accept. `source` may be null (no display adapter).
    static Result<std::unique_ptr<VncServer>> create(const VncOptions& options, std::string_view guest_name,
                                                     EventLoop& loop, DisplaySource* source,
                                                     InputSink& input);
    /// Disconnects everybody; waits for no viewer.
    ~VncServer();
    VncServer(const VncServer&) = delete;
    VncServer& operator=(const VncServer&) = delete;

    /// Loads what the first viewer would load: for a process that will find no libraries any more. The error
    /// names the package.
    Status load_libraries();

    VncInfo info() const;
    /// An error when the server was started without password=on. Empty: nobody may enter.
    Status set_password(std::string_view password);
    Status expire_password(std::optional<s64> seconds_since_1970);

    static constexpr std::size_t kMostViewers = 16;

private:
    class Impl;
    explicit VncServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<Impl> impl_;
};

} // namespace dm::vnc
