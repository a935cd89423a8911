#include "dm/devices/scsi/scsi_transfer.hpp"

#include <algorithm>
#include <array>

namespace dm {
namespace {

constexpr std::size_t kNowhereSize = kPageSize;
using Nowhere = std::array<u8, kNowhereSize>;

/// Written, never read.
Nowhere& sink() {
    static Nowhere bytes;
    return bytes;
}

/// Read, never written.
Nowhere& all_ones() {
    static Nowhere bytes = [] {
        Nowhere made;
        made.fill(0xff);
        return made;
    }();
    return bytes;
}

} // namespace

ScsiTransfer::ScsiTransfer(Client& client, u8 task, BlockBackend& medium, BlockIo::Op op, u64 offset)
    : client_(client), medium_(medium), task_(task) {
    io_.op = op;
    io_.offset = offset;
    io_.owner = this;
    io_.done = [](BlockIo& io, int error) { static_cast<ScsiTransfer*>(io.owner)->ended(error); };
}

void ScsiTransfer::ended(int error) {
    const OnError action = error != 0 ? client_.transfer_failed(*this, error) : OnError::Ignore;
    kept_ = action == OnError::Stop;
    if (kept_) return;
    done_ = true;
    error_ = action == OnError::Ignore ? 0 : error;
    pins_.clear(); // pages become known to live migration here
    client_.transfer_done(*this);
}

bool ScsiTransfer::add(GuestMemory& memory, ScsiRegion& region, DmaDirection direction) {
    while (region.length > 0) {
        if (segments_.size() == kMostSegments || bytes_ == kMostBytes) return false;
        const u64 wanted = std::min<u64>(region.length, kMostBytes - bytes_);
        Pin pin(memory, region.addr, wanted, direction);
        std::span<u8> place = pin.bytes();
        if (place.empty()) {
            const u64 to_page_end = kPageSize - (region.addr & (kPageSize - 1));
            Nowhere& nowhere = direction == DmaDirection::ToGuest ? sink() : all_ones();
            place = std::span(nowhere).first(std::min(wanted, to_page_end));
        } else {
            pins_.push_back(std::move(pin));
        }
        segments_.push_back({place.data(), place.size()});
        bytes_ += place.size();
        region.addr += place.size();
        region.length -= static_cast<u32>(place.size());
    }
    return true;
}

void ScsiTransfer::add_nowhere(u64 bytes) {
    for (; bytes > 0 && segments_.size() < kMostSegments; bytes -= segments_.back().iov_len) {
        segments_.push_back({sink().data(), std::min<u64>(bytes, kNowhereSize)});
        bytes_ += segments_.back().iov_len;
    }
}

void ScsiTransfer::set_length(u64 bytes, bool unmap) {
    io_.length = bytes;
    io_.unmap = unmap;
    if (io_.op == BlockIo::Op::WriteZeroes) bytes_ = bytes;
}

void ScsiTransfer::start() {
    started_ = true;
    io_.iov = segments_;
    medium_.submit(io_);
}

void ScsiTransfer::retry() {
    kept_ = false;
    medium_.submit(io_);
}

} // namespace dm
