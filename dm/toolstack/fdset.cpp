#include "dm/toolstack/fdset.hpp"

#include "dm/toolstack/qemu_opts.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>

namespace dm::toolstack {
namespace {

constexpr std::string_view kPrefix = "/dev/fdset/";

bool allows(int fd, FdAccess access) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return false;
    switch (flags & O_ACCMODE) {
    case O_RDONLY: return access == FdAccess::Read;
    case O_WRONLY: return access == FdAccess::Write;
    case O_RDWR: return true;
    default: return false;
    }
}

} // namespace

Result<FdSets::Added> FdSets::add(std::optional<u32> set, UniqueFd fd, std::string opaque, bool keep) {
    std::size_t count = 0;
    for (const auto& [number, members] : sets_)
        count += members.size();
    if (count >= kMaxFds) return fail("there are {} file descriptors in fd sets already", count);
    if (!set) {
        set = 0;
        while (sets_.contains(*set))
            ++*set;
    }
    const int number = fd.get();
    sets_[*set].push_back({std::move(fd), std::move(opaque), keep});
    return Added{*set, number};
}

Status FdSets::remove(u32 set, std::optional<int> fd) {
    const auto found = sets_.find(set);
    if (found == sets_.end()) return fail("there is no fd set {}", set);
    if (!fd) {
        sets_.erase(found);
        return {};
    }
    const auto removed = std::erase_if(found->second, [&](const Member& m) { return m.fd.get() == *fd; });
    if (removed == 0) return fail("there is no file descriptor {} in fd set {}", *fd, set);
    if (found->second.empty()) sets_.erase(found);
    return {};
}

std::optional<u32> FdSets::number_in(std::string_view filename) {
    if (!filename.starts_with(kPrefix)) return std::nullopt;
    const auto number = parse_number(filename.substr(kPrefix.size()), ~u32{0});
    if (!number) return std::nullopt;
    return static_cast<u32>(number.value());
}

const FdSets::Member* FdSets::find(u32 set, FdAccess access) const {
    const auto found = sets_.find(set);
    if (found == sets_.end()) return nullptr;
    const auto member =
        std::find_if(found->second.begin(), found->second.end(),
                     [&](const Member& candidate) { return allows(candidate.fd.get(), access); });
    return member == found->second.end() ? nullptr : &*member;
}

Result<UniqueFd> FdSets::duplicate(u32 set, FdAccess access) const {
    const Member* member = find(set, access);
    if (member == nullptr)
        return fail("fd set {} has no file descriptor for {}", set,
                    access == FdAccess::Read ? "reading" : "writing");
    UniqueFd copy{fcntl(member->fd.get(), F_DUPFD_CLOEXEC, 3)};
    if (!copy) return fail("fd set {}: {}", set, std::strerror(errno));
    return copy;
}

std::string FdSets::opaque_of(u32 set, FdAccess access) const {
    const Member* member = find(set, access);
    return member == nullptr ? std::string() : member->opaque;
}

void FdSets::forget_clients() {
    for (auto& [number, members] : sets_)
        std::erase_if(members, [](const Member& member) { return !member.keep; });
    std::erase_if(sets_, [](const auto& set) { return set.second.empty(); });
}

} // namespace dm::toolstack
