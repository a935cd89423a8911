// Saving and loading states: named, self-describing records, so that order does not matter and an error names
// the device and the field. A member that is missing is such an error, unless fields() says kAddedLater;
// what is added beside a device's state goes into a section of its own, which StateReader::has() asks for.
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
    template <class T> void operator()(std::string_view name, const T& value, AddedLater = {}) {
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
        Struct reader;
        DM_TRY(open_section(name, reader));
        S::fields(reader, state);
        return reader.finish();
    }

    /// Whether there is such a section; it counts as asked for.
    bool has(std::string_view name);

    /// Error when a section was never asked for: the image holds a device that this machine does not have.
    Status finish() const;

private:
    struct Record {
        std::string_view name;
        char kind = 0;
        std::span<const u8> payload;
        bool used = false;
    };
    /// A list of structs, as far as it has been read.
    struct Items {
        std::span<const u8> rest;
        std::size_t count = 0;
        std::string where;
    };

    static Result<std::vector<Record>> split(std::span<const u8> bytes, std::string_view where);
    static u64 little_endian(std::span<const u8> bytes);

    /// Visitor over the records of one struct. Its templates are thin, for every type of a member makes its
    /// own. After the first error nothing more is read.
    class Struct {
    public:
        Struct() = default;
        Struct(std::span<const u8> bytes, std::string where);
        ~Struct();
        Struct(Struct&&) = default;
        Struct& operator=(Struct&&) = default;

        template <class T> void operator()(std::string_view name, T& value) {
            using namespace detail;
            if constexpr (Scalar<T> || IsBits<T>::value) {
                if (const auto raw = number(name, kForm<T>)) value = from_raw<T>(*raw);
            } else if constexpr (IsOptional<T>::value) {
                using V = typename T::value_type;
                value.reset();
                if (const auto raw = number_if_any(name, kForm<V>)) value = from_raw<V>(*raw);
            } else if constexpr (IsFifo<T>::value) {
                using V = std::remove_cvref_t<decltype(value.at(0))>;
                value.clear();
                list<V>(name, T::kCapacity, false, [&](std::size_t, const V& item) { value.push(item); });
            } else if constexpr (IsArray<T>::value) {
                using V = typename T::value_type;
                list<V>(name, value.size(), true, [&](std::size_t i, const V& item) { value[i] = item; });
            } else {
                Struct inner;
                if (!open(name, inner)) return;
                T::fields(inner, value);
                take_error_of(inner);
            }
        }
        template <class T> void operator()(std::string_view name, T& value, AddedLater) {
            if (has(name)) (*this)(name, value);
        }
        Status finish() const;

    private:
        struct Form {
            u8 width;
            bool truth; ///< 0 or 1
        };
        template <class T> static constexpr Form kForm{sizeof(T), std::is_same_v<T, bool>};

        /// `exact`: there must be `most` items.
        template <class V, class Store>
        void list(std::string_view name, std::size_t most, bool exact, Store store) {
            if constexpr (detail::Scalar<V> || detail::IsBits<V>::value) {
                const std::span<const u8> bytes = numbers(name, kForm<V>, most, exact);
                for (std::size_t i = 0; i < bytes.size() / sizeof(V); ++i)
                    store(i, detail::from_raw<V>(little_endian(bytes.subspan(i * sizeof(V), sizeof(V)))));
            } else {
                Items items = structs(name);
                Struct inner;
                while (next(items, most, inner)) {
                    V item{};
                    V::fields(inner, item);
                    if (!take_error_of(inner)) return;
                    store(items.count++, item);
                }
                if (exact && !error_) count_is(items.count, most, items.where);
            }
        }

        bool has(std::string_view name) const;
        Record* take(std::string_view name, char kind);
        std::string path(std::string_view name) const { return where_ + "." + std::string(name); }
        void wrong(std::string_view where, std::string_view what);
        bool number_is(u64 raw, Form form, std::string_view name);
        bool count_is(std::size_t count, std::size_t wanted, std::string_view where);
        std::optional<u64> number_of(const Record& record, Form form);
        std::optional<u64> number(std::string_view name, Form form);
        std::optional<u64> number_if_any(std::string_view name, Form form);
        /// The numbers of a list, one after the other; empty after an error.
        std::span<const u8> numbers(std::string_view name, Form form, std::size_t most, bool exact);
        Items structs(std::string_view name);
        /// False: there are no more, or an error.
        bool next(Items& items, std::size_t most, Struct& item);
        bool open(std::string_view name, Struct& inner);
        /// False: there is one.
        bool take_error_of(const Struct& inner);

        std::vector<Record> records_;
        std::string where_;
        std::optional<Error> error_;
    };

    Status open_section(std::string_view name, Struct& reader);

    std::vector<Record> sections_;
};

} // namespace dm
