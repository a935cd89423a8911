#include "dm/vnc/vnc_server.hpp"

#include "dm/vnc/vnc_server_impl.hpp"

#include <fmt/ranges.h>

namespace dm::vnc {

Result<std::unique_ptr<VncServer>> VncServer::create(const VncOptions& options, std::string_view guest_name,
                                                     EventLoop& loop, DisplaySource* source,
                                                     InputSink& input) {
    const std::optional<Keymap> keymap = Keymap::find(options.keymap);
    if (!keymap)
        return fail("-k {}: there is no such keyboard layout, set keymap to one of {}", options.keymap,
                    fmt::join(Keymap::names(), ", "));
    DM_TRY_ASSIGN(Doors doors, Doors::open(options));
    DM_TRY_ASSIGN(PixelBuffer buffer, PixelBuffer::reserve());
    auto impl = std::make_shared<Impl>(options, guest_name, loop, source, input, std::move(doors),
                                       std::move(buffer), *keymap);
    DM_TRY(impl->start());
    return std::unique_ptr<VncServer>(new VncServer(std::move(impl)));
}

VncServer::~VncServer() {
    impl_->shut_down();
}

Status VncServer::load_libraries() {
    if (const Status made = impl_->make_screens(); !made.ok()) return fail("-vnc: {}", made.error().message);
    return {};
}

VncInfo VncServer::info() const {
    return impl_->info();
}

Status VncServer::set_password(std::string_view password) {
    if (!impl_->auth().required())
        return fail("VNC password authentication is off: start the guest with vncpasswd set");
    impl_->auth().set_password(password);
    return {};
}

Status VncServer::expire_password(std::optional<s64> seconds_since_1970) {
    if (!impl_->auth().required())
        return fail("VNC password authentication is off: start the guest with vncpasswd set");
    impl_->auth().set_expiry(seconds_since_1970);
    return {};
}

} // namespace dm::vnc
