// Typed register bits: a register tested with the bit of another one does not compile.
#pragma once

#include "dm/core/types.hpp"

#include <type_traits>

namespace dm {

/// A register whose bits are the enumerators of `E`; as wide as E's underlying type.
template <class E> class Bits {
public:
    using Raw = std::underlying_type_t<E>;

    constexpr Bits() = default;
    constexpr explicit Bits(Raw raw) : raw_(raw) {}
    constexpr Bits(E bit) : raw_(static_cast<Raw>(bit)) {}

    constexpr bool has(E bit) const { return (raw_ & static_cast<Raw>(bit)) != 0; }
    constexpr void set(E bit, bool on = true) {
        raw_ = static_cast<Raw>(on ? raw_ | static_cast<Raw>(bit) : raw_ & ~static_cast<Raw>(bit));
    }
    constexpr void clear(E bit) { set(bit, false); }
    constexpr Raw raw() const { return raw_; }
    constexpr Bits operator|(E bit) const {
        Bits b = *this;
        b.set(bit);
        return b;
    }
    bool operator==(const Bits&) const = default;

private:
    Raw raw_ = 0;
};

/// Byte `index` (0 = least significant) of a wider register.
constexpr u8 byte_of(u64 value, unsigned index) {
    return static_cast<u8>(value >> (index * 8));
}

/// `value` with byte `index` replaced.
template <class T> constexpr T with_byte(T value, unsigned index, u8 byte) {
    const u64 mask = u64{0xff} << (index * 8);
    return static_cast<T>((u64{value} & ~mask) | (u64{byte} << (index * 8)));
}

} // namespace dm
