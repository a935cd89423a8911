// Saving and loading states: named, self-describing records, so that order does not matter, a member added
// later can have a default, and an error names the device and the field.
//
//     image   = "HVMDM-ST" u32 version  section*
//     section = record of kind 's' named after the device
//     record  = u8 name length, name, u8 kind, u32 payload length, payload
//     kinds   : 'u' unsigned little-endian   'o' optional (empty or an unsigned)   'b' bytes
//               'l' list of unsigned, all of one width (u8 width first)   's' records
//               'a' list of structs: (u32 length, records)*
//
// All numbers are little-endian. Loading treats the image as hostile: it never reads past a record, allocates
// nothing that the image's numbers size, and refuses what it does not know.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/fields.hpp"
#include "dm/core/fifo.hpp"
#include "dm/core/result.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dm {

inline constexpr u32 kStateVersion = 1;

namespace detail {

template <class T>
concept Scalar = std::is_integral_v<T> || std::is_enum_v<T>;

template <class T> struct IsBits : std::false_type {};
template <class E> struct IsBits<Bits<E>> : std::true_type {};
template <class T> struct IsOptional : std::false_type {};
template <class T> struct IsOptional<std::optional<T>> : std::true_type {};
template <class T> struct IsFifo : std::false_type {};
template <class T, std::size_t N> struct IsFifo<Fifo<T, N>> : std::true_type {};
template <class T> struct IsArray : std::false_type {};
template <class T, std::size_t N> struct IsArray<std::array<T, N>> : std::true_type {};

template <class T> constexpr u64 to_raw(const T& v) {
    if constexpr (IsBits<T>::value)
        return v.raw();
    else
        return static_cast<u64>(v);
}
template <class T> constexpr T from_raw(u64 raw) {
    if constexpr (IsBits<T>::value)
        return T{static_cast<typename T::Raw>(raw)};
    else
        return static_cast<T>(raw);
}

} // namespace detail

class StateWriter {
public:
    /// Appends one device's section.
    template <HasFields S> void section(std::string_view name, const S& state) {
        const std::size_t mark = open(name, 's');
        S::fields(*this, state);
        close(mark);
    }

    /// Called by S::fields, once for each member.
    template <class T> void operator()(std::string_view name, const T& value) {
        using namespace detail;
        if constexpr (Scalar<T> || IsBits<T>::value) {
            const std::size_t mark = open(name, 'u');
            put(to_raw(value), sizeof(T));
            close(mark);
        } else if constexpr (IsOptional<T>::value) {
            const std::size_t mark = open(name, 'o');
            if (value) put(to_raw(*value), sizeof(typename T::value_type));
            close(mark);
        } else if constexpr (IsFifo<T>::value) {
            list(name, value.size(), [&](std::size_t i) { return value.at(i); });
        } else if constexpr (IsArray<T>::value) {
            list(
                name, value.size(), [&](std::size_t i) -> const auto& { return value[i]; });
        } else {
            static_assert(HasFields<T>,
                          "a state member is a number, Bits, optional, Fifo, array or a struct");
            const std::size_t mark = open(name, 's');
            T::fields(*this, value);
            close(mark);
        }
    }

    /// The whole image, header included.
    std::vector<u8> take() &&;

private:
    template <class At> void list(std::string_view name, std::size_t count, At at) {
        using T = std::remove_cvref_t<decltype(at(0))>;
        if constexpr (detail::Scalar<T> || detail::IsBits<T>::value) {
            const std::size_t mark = open(name, sizeof(T) == 1 ? 'b' : 'l');
            if constexpr (sizeof(T) > 1) put(sizeof(T), 1);
            for (std::size_t i = 0; i < count; ++i)
                put(detail::to_raw(at(i)), sizeof(T));
            close(mark);
        } else {
            const std::size_t mark = open(name, 'a');
            for (std::size_t i = 0; i < count; ++i) {
                const std::size_t length_at = body_.size();
                put(0, 4);
                const auto& item = at(i); // a Fifo gives values, an array references
                T::fields(*this, item);
                close(length_at);
            }
            close(mark);
        }
    }

    std::size_t open(std::string_view name, char kind); // returns the place of the length
    void close(std::size_t length_at);
    void put(u64 value, std::size_t width);

    std::vector<u8> body_;
};

/// Reads an image that a StateWriter made, or one that somebody made up.
class StateReader {
public:
    /// Checks the frame of the image; the image must outlive the reader.
    static Result<StateReader> open(std::span<const u8> image);

    /// Fills `state` from the section `name`. On error `state` is unspecified: load into a copy.
    template <HasFields S> Status section(std::string_view name, S& state) {
        const Record* record = find_section(name);
        if (record == nullptr) return fail("saved state: no section for device {}", name);
        Struct reader{record->payload, std::string(name)};
        S::fields(reader, state);
        return reader.finish();
    }

    /// Error when a section was never asked for: the image holds a device that this machine does not have.
    Status finish() const;

private:
    struct Record {
        std::string_view name;
        char kind = 0;
        std::span<const u8> payload;
        bool used = false;
    };

    static Result<std::vector<Record>> split(std::span<const u8> bytes, std::string_view where);
    static Result<u64> number(std::span<const u8> bytes, std::size_t width, std::string_view where);
    Record* find_section(std::string_view name);

    /// Visitor over the records of one struct.
    struct Struct {
        Struct(std::span<const u8> bytes, std::string where);

        template <class T> void operator()(std::string_view name, T& value) {
            if (Record* record = take(name))
                check(name, load(*record, value, where_ + "." + std::string(name)));
        }
        Status finish() const;

    private:
        Record* take(std::string_view name);
        void check(std::string_view name, const Status& status);

        std::vector<Record> records_;
        std::string where_;
        std::optional<Error> error_;
    };

    template <class T>
    static Status load_number(std::span<const u8> bytes, T& value, std::string_view where) {
        DM_TRY_ASSIGN(const u64 raw, number(bytes, sizeof(T), where));
        if constexpr (std::is_same_v<T, bool>)
            if (raw > 1) return fail("saved state: {} is {}, not a truth value", where, raw);
        value = detail::from_raw<T>(raw);
        return {};
    }

    template <class T> static Status load(const Record& record, T& value, const std::string& where) {
        using namespace detail;
        if constexpr (Scalar<T> || IsBits<T>::value) {
            DM_TRY(kind(record, 'u', where));
            return load_number(record.payload, value, where);
        } else if constexpr (IsOptional<T>::value) {
            DM_TRY(kind(record, 'o', where));
            value.reset();
            if (record.payload.empty()) return {};
            typename T::value_type inner{};
            DM_TRY(load_number(record.payload, inner, where));
            value = inner;
            return {};
        } else if constexpr (IsFifo<T>::value) {
            value.clear();
            return load_list<decltype(value.at(0))>(
                record, T::kCapacity, where, [&](std::size_t, const auto& item) { value.push(item); },
                nullptr);
        } else if constexpr (IsArray<T>::value) {
            std::size_t count = 0;
            DM_TRY((load_list<typename T::value_type>(
                record, value.size(), where, [&](std::size_t i, const auto& item) { value[i] = item; },
                &count)));
            if (count != value.size())
                return fail("saved state: {} has {} items instead of {}", where, count, value.size());
            return {};
        } else {
            DM_TRY(kind(record, 's', where));
            Struct reader{record.payload, where};
            T::fields(reader, value);
            return reader.finish();
        }
    }

    template <class T, class Store>
    static Status load_list(const Record& record, std::size_t most, const std::string& where, Store store,
                            std::size_t* count_out) {
        std::span<const u8> bytes = record.payload;
        std::size_t count = 0;
        if constexpr (detail::Scalar<T> || detail::IsBits<T>::value) {
            DM_TRY(kind(record, sizeof(T) == 1 ? 'b' : 'l', where));
            if constexpr (sizeof(T) > 1) {
                if (bytes.empty() || bytes[0] != sizeof(T))
                    return fail("saved state: {} has the wrong width", where);
                bytes = bytes.subspan(1);
            }
            if (bytes.size() % sizeof(T) != 0 || bytes.size() / sizeof(T) > most)
                return fail("saved state: {} has an impossible length", where);
            for (; !bytes.empty(); bytes = bytes.subspan(sizeof(T))) {
                T item{};
                DM_TRY(load_number(bytes.first(sizeof(T)), item, where));
                store(count++, item);
            }
        } else {
            DM_TRY(kind(record, 'a', where));
            while (!bytes.empty()) {
                if (bytes.size() < 4 || count == most)
                    return fail("saved state: {} has an impossible length", where);
                DM_TRY_ASSIGN(const u64 length, number(bytes.first(4), 4, where));
                bytes = bytes.subspan(4);
                if (length > bytes.size()) return fail("saved state: {} is cut off", where);
                T item{};
                Struct reader{bytes.first(length), where + "[]"};
                T::fields(reader, item);
                DM_TRY(reader.finish());
                store(count++, item);
                bytes = bytes.subspan(length);
            }
        }
        if (count_out != nullptr) *count_out = count;
        return {};
    }

    static Status kind(const Record& record, char wanted, std::string_view where);

    std::vector<Record> sections_;
};

} // namespace dm
