// Whether frames can go anywhere from the host's end of a tap: its interface is up, and so is the bridge that
// it is in. (rtnetlink(7), linux/if_link.h. Other masters than bridges do not count: that of Open vSwitch is
// down while it works.)
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/unique_fd.hpp"

#include <memory>
#include <span>

namespace dm::host {

class LinkWatch {
public:
    /// `changed` is called from the loop when up() may have changed. Null where the host cannot tell, or this
    /// is no tap; it counts as up then.
    static std::unique_ptr<LinkWatch> of_tap(EventLoop& loop, int tap, std::function<void()> changed);

    ~LinkWatch();
    LinkWatch(const LinkWatch&) = delete;
    LinkWatch& operator=(const LinkWatch&) = delete;

    bool up() const { return up_ && bridge_up_; }

private:
    LinkWatch(EventLoop& loop, UniqueFd netlink, int index, std::function<void()> changed);

    void ask(int index) const;
    void read_all();
    void read(std::span<const u8> messages);
    void hear(int index, bool up, int master, bool bridge);

    EventLoop& loop_;
    UniqueFd netlink_;
    std::function<void()> changed_;
    int index_;
    int master_ = 0; ///< 0: none
    bool up_ = false;
    bool bridge_up_ = true; ///< also when it is in none
};

} // namespace dm::host
