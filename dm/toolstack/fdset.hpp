// QMP's fd sets: descriptors that a client handed over with add-fd and that later commands name as
// "/dev/fdset/N".
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"
#include "dm/core/unique_fd.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dm::toolstack {

enum class FdAccess : u8 { Read, Write };

class FdSets {
public:
    static constexpr std::size_t kMaxFds = 64; ///< in all sets together

    struct Added {
        u32 set = 0;
        int fd = -1;
    };
    struct Member {
        UniqueFd fd;
        std::string opaque; ///< what the client said about it, may be empty
        bool keep = false;  ///< given on the command line: not forgotten with the clients
    };

    /// Without `set`: into a new set with the lowest free number.
    Result<Added> add(std::optional<u32> set, UniqueFd fd, std::string opaque, bool keep = false);
    /// Without `fd`: the whole set.
    Status remove(u32 set, std::optional<int> fd);
    const std::map<u32, std::vector<Member>>& all() const { return sets_; }

    /// The N of "/dev/fdset/N"; nothing: another kind of name.
    static std::optional<u32> number_in(std::string_view filename);
    /// A duplicate of a member of the set that can be used for `access`.
    Result<UniqueFd> duplicate(u32 set, FdAccess access) const;
    /// The opaque text of the member that duplicate() would take.
    std::string opaque_of(u32 set, FdAccess access) const;

    /// The last client has gone: drop what it left behind.
    void forget_clients();

private:
    const Member* find(u32 set, FdAccess access) const;

    std::map<u32, std::vector<Member>> sets_;
};

} // namespace dm::toolstack
