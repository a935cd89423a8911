// The one list of a state's members, and the compile-time proof that it is complete.
//
// A State (and every struct inside one) is a plain trivially copyable aggregate without C arrays that names
// each member once:
//
//     struct State {
//         u8 scr = 0;
//         Fifo<u8, 16> rx;
//         static constexpr void fields(auto&& v, auto& s) { v("scr", s.scr); v("rx", s.rx); }
//     };
//     static_assert(covers_every_field<State>);
#pragma once

#include "dm/core/types.hpp"

#include <string_view>
#include <type_traits>
#include <utility>

namespace dm {

/// Behind a member in fields() that states of earlier versions lack: it keeps its initialiser then.
struct AddedLater {};
inline constexpr AddedLater kAddedLater;

namespace detail {

struct Any {
    template <class T> constexpr operator T() const noexcept { __builtin_unreachable(); }
};

template <class T, std::size_t... I> constexpr bool initialisable_with(std::index_sequence<I...>) {
    return requires {
        T{(static_cast<void>(I), Any{})...};
    };
}

inline constexpr std::size_t kMostMembers = 64;

template <class T, std::size_t N = kMostMembers> constexpr std::size_t member_count() {
    if constexpr (N == 0 || initialisable_with<T>(std::make_index_sequence<N>{}))
        return N;
    else
        return member_count<T, N - 1>();
}

struct FieldCounter {
    std::size_t n = 0;
    template <class X> constexpr void operator()(std::string_view, X&&, AddedLater = {}) { ++n; }
};

template <class S> constexpr std::size_t visited_count() {
    S s{};
    FieldCounter counter;
    S::fields(counter, s);
    return counter.n;
}

} // namespace detail

template <class S>
concept HasFields = requires(S& s) {
    S::fields(detail::FieldCounter{}, s);
};

/// True when S::fields names as many members as S has, and S may live in shared memory as it is.
template <class S>
inline constexpr bool covers_every_field =
    std::is_trivially_copyable_v<S>&& std::is_aggregate_v<S> &&
    !detail::initialisable_with<S>(std::make_index_sequence<detail::kMostMembers + 1>{}) &&
    detail::visited_count<S>() == detail::member_count<S>();

} // namespace dm
