// Guest RAM of a machine that no hypervisor backs: one mapping, filled by the host on demand.
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/core/result.hpp"

#include <memory>

namespace dm::qtest {

class Ram final : public GuestMemory {
public:
    static constexpr u64 kHighBase = u64{1} << 32; ///< of what does not fit below 4 GiB

    /// `low_limit`: where RAM below 4 GiB ends at the latest.
    static Result<std::unique_ptr<Ram>> create(u64 bytes, u64 low_limit);
    ~Ram() override;
    Ram(const Ram&) = delete;
    Ram& operator=(const Ram&) = delete;

    u64 size() const { return size_; }

    std::span<u8> view(GuestPhys addr, u64 length) override;
    void wrote(GuestPhys, u64) override {}

protected:
    std::span<u8> pin(GuestPhys addr, u64 length) override { return view(addr, length); }
    void unpin(GuestPhys, std::span<u8>) override {}

private:
    Ram(u8* bytes, u64 size, u64 low) : bytes_(bytes), size_(size), low_(low) {}
    u8* bytes_;
    u64 size_;
    u64 low_;
};

} // namespace dm::qtest
