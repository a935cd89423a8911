#ifndef __linux__
#include "dm/host/link_watch.hpp"

namespace dm::host {

std::unique_ptr<LinkWatch> LinkWatch::of_tap(EventLoop&, int, std::function<void()>) {
    return nullptr;
}

LinkWatch::~LinkWatch() = default;

} // namespace dm::host
#endif
