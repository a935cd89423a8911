// One step of a fuzzed run: what it is, how it is read from a fuzzer's input, and how people write it.
//
// Every sequence of bytes is a sequence of operations. The first byte of each holds the kind (low four bits)
// and two small fields a (bits 4-5) and b (bits 6-7); what follows depends on the kind:
//
//     access   target, offset, value: a is the size; b how the value is written (kValue...)
//     string   target, offset, count (2 bytes), pattern length, pattern (writes only)
//     others   as the functions in operation_codec.cpp say
//
// A target is one of the rig's, or one past them: any port, or two past them: any address.
#pragma once

#include "dm/core/result.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/rig.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dm::fuzz {

struct Operation {
    enum class Kind : u8 {
        Read,
        Write,
        ReadString,
        WriteString,
        Stimulate, ///< the rig's own event; `bytes` choose it
        Advance,   ///< `value` nanoseconds pass
        Deadline,  ///< time passes until the next timer is due
        Ram,       ///< the guest writes `bytes` to its memory at `addr`
        Restore,   ///< the state is saved and loaded into a twin that runs along from now on
        Damage,    ///< the state is saved, bent as `bytes` say, and loaded into another device
        Reset,
        Wake, ///< wake_reset()
    };
    Kind kind = Kind::Reset;
    test::Target::Kind space = test::Target::Kind::Ports;
    u8 devfn = 0;      ///< of accesses to configuration space, where `addr` is the register
    unsigned size = 1; ///< of an access or an element of a string: 1, 2, 4, memory 8
    u64 addr = 0;
    u64 value = 0;
    u32 count = 0;               ///< elements of a string
    std::span<const u8> bytes{}; ///< of a string what is repeated over it; none: zeros
};

inline constexpr u32 kMostElements = 4096;    ///< Xen asks for no more in one request
inline constexpr std::size_t kMostBytes = 64; ///< of `bytes`
/// A place from here on counts the bytes of values alone, see state_places.hpp.
inline constexpr std::size_t kDamagesValue = 0x8000;
inline constexpr std::size_t kDamageBytes = 3; ///< place (2), what is inverted there; nothing: cut off there

/// What an input's numbers mean for one rig.
struct Layout {
    std::vector<test::Target> targets;
    u64 ram_bytes = 0;
};

Operation decode(Input& input, const Layout& layout);
/// The opposite; errors: what no input can say.
Status encode(const Operation& operation, const Layout& layout, std::vector<u8>& out);

/// A line such as "outb 0x1f7 0xec". Does not allocate: it may be wanted at any moment.
class OperationText {
public:
    explicit OperationText(const Operation& operation);
    operator std::string_view() const { return {buffer_.data(), length_}; }

private:
    template <class... A> void add(fmt::format_string<A...> format, A&&... args);
    void add_hex(std::span<const u8> bytes);
    void access(const Operation& operation);

    std::array<char, 512> buffer_{};
    std::size_t length_ = 0;
};

/// The operation that a line names; `storage` keeps its bytes.
Result<Operation> parse_operation(std::string_view line, std::vector<u8>& storage);

/// "0a1b" or "-" for none.
Result<std::vector<u8>> parse_hex(std::string_view text);

} // namespace dm::fuzz
