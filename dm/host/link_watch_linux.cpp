#ifdef __linux__
#include "dm/host/link_watch.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace dm::host {
namespace {

constexpr std::size_t kMessagesMax = 32768; // as long as the kernel makes them

/// The bytes of the attribute, empty without it.
std::span<const u8> attribute(std::span<const u8> attributes, unsigned type) {
    while (attributes.size() >= sizeof(rtattr)) {
        rtattr head;
        std::memcpy(&head, attributes.data(), sizeof head);
        if (head.rta_len < sizeof head || head.rta_len > attributes.size()) break;
        if (head.rta_type == type) return attributes.first(head.rta_len).subspan(sizeof head);
        attributes = attributes.subspan(std::min<std::size_t>(RTA_ALIGN(head.rta_len), attributes.size()));
    }
    return {};
}

bool is_bridge(std::span<const u8> attributes) {
    const std::span<const u8> kind = attribute(attribute(attributes, IFLA_LINKINFO), IFLA_INFO_KIND);
    return std::string_view(reinterpret_cast<const char*>(kind.data()), kind.size()).starts_with("bridge");
}

int number_in(std::span<const u8> bytes) {
    int number = 0;
    if (bytes.size() == sizeof number) std::memcpy(&number, bytes.data(), sizeof number);
    return number;
}

/// The interface keeps its index when a script renames it.
int index_of(int tap, int any_socket) {
    ifreq request{};
    if (::ioctl(tap, TUNGETIFF, &request) != 0 || ::ioctl(any_socket, SIOCGIFINDEX, &request) != 0) return 0;
    return request.ifr_ifindex;
}

} // namespace

std::unique_ptr<LinkWatch> LinkWatch::of_tap(EventLoop& loop, int tap, std::function<void()> changed) {
    UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    if (!netlink || ::bind(netlink.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return nullptr;
    const int index = index_of(tap, netlink.get());
    if (index == 0) return nullptr;
    return std::unique_ptr<LinkWatch>(new LinkWatch(loop, std::move(netlink), index, std::move(changed)));
}

LinkWatch::LinkWatch(EventLoop& loop, UniqueFd netlink, int index, std::function<void()> changed)
    : loop_(loop), netlink_(std::move(netlink)), changed_(std::move(changed)), index_(index) {
    ask(index_);
    read_all(); // the kernel has answered
    loop_.watch(netlink_.get(), FdEvents::Readable, [this](FdReady) {
        read_all();
        changed_();
    });
}

LinkWatch::~LinkWatch() {
    loop_.unwatch(netlink_.get());
}

/// The answer looks like the news of a change.
void LinkWatch::ask(int index) const {
    struct {
        nlmsghdr head{};
        ifinfomsg link{};
    } question;
    question.head.nlmsg_len = sizeof question;
    question.head.nlmsg_type = RTM_GETLINK;
    question.head.nlmsg_flags = NLM_F_REQUEST;
    question.link.ifi_index = index;
    static_cast<void>(::send(netlink_.get(), &question, sizeof question, 0));
}

void LinkWatch::read_all() {
    std::array<u8, kMessagesMax> buffer;
    bool lost = false;
    for (;;) {
        const ssize_t length = ::recv(netlink_.get(), buffer.data(), buffer.size(), 0);
        if (length > 0) {
            read(std::span(buffer).first(static_cast<std::size_t>(length)));
        } else if (length < 0 && errno == ENOBUFS) {
            lost = true;
        } else if (lost) { // there is room for the answer now
            lost = false;
            ask(index_);
            if (master_ != 0) ask(master_);
        } else {
            return;
        }
    }
}

void LinkWatch::read(std::span<const u8> messages) {
    while (messages.size() >= sizeof(nlmsghdr)) {
        nlmsghdr head;
        std::memcpy(&head, messages.data(), sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > messages.size()) return;
        const std::span<const u8> body = messages.first(head.nlmsg_len).subspan(sizeof head);
        ifinfomsg link;
        if (head.nlmsg_type == RTM_NEWLINK && body.size() >= sizeof link) {
            std::memcpy(&link, body.data(), sizeof link);
            const auto attributes = body.subspan(sizeof link);
            if (link.ifi_family == AF_UNSPEC)
                hear(link.ifi_index, (link.ifi_flags & IFF_UP) != 0,
                     number_in(attribute(attributes, IFLA_MASTER)), is_bridge(attributes));
        }
        messages = messages.subspan(std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), messages.size()));
    }
}

void LinkWatch::hear(int index, bool up, int master, bool bridge) {
    if (index == master_) bridge_up_ = up || !bridge;
    if (index != index_) return;
    up_ = up;
    if (master == master_) return;
    master_ = master;
    bridge_up_ = true;
    if (master != 0) ask(master);
}

} // namespace dm::host
#endif
