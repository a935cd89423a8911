// Fixed-size queue that can live in a device's State: trivially copyable, no impossible index.
#pragma once

#include "dm/core/types.hpp"

#include <array>

namespace dm {

template <class T, std::size_t N> class Fifo {
public:
    static constexpr std::size_t kCapacity = N;

    constexpr bool empty() const { return size_ == 0; }
    constexpr bool full() const { return size_ == N; }
    constexpr std::size_t size() const { return size_; }
    constexpr void clear() { *this = {}; }

    /// False, and nothing stored, when full.
    constexpr bool push(T value) {
        if (full()) return false;
        items_[(head_ + size_) % N] = value;
        ++size_;
        return true;
    }
    /// Puts `value` in front of all others; false when full.
    constexpr bool push_front(T value) {
        if (full()) return false;
        head_ = static_cast<u32>((head_ + N - 1) % N);
        items_[head_] = value;
        ++size_;
        return true;
    }
    /// The oldest item; T{} when empty.
    constexpr T pop() {
        if (empty()) return T{};
        const T value = items_[head_];
        head_ = static_cast<u32>((head_ + 1) % N);
        --size_;
        return value;
    }
    /// Item `i` from the oldest on; T{} past the end.
    constexpr T at(std::size_t i) const { return i < size_ ? items_[(head_ + i) % N] : T{}; }
    constexpr T front() const { return at(0); }
    constexpr T& back() { return items_[(head_ + (size_ > 0 ? size_ - 1 : 0)) % N]; }

    constexpr bool operator==(const Fifo& other) const {
        if (size_ != other.size_) return false;
        for (std::size_t i = 0; i < size_; ++i)
            if (at(i) != other.at(i)) return false;
        return true;
    }

private:
    std::array<T, N> items_{};
    u32 head_ = 0;
    u32 size_ = 0;
};

} // namespace dm
