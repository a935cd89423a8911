#include "dm/devices/ide/medium_io.hpp"

#include "dm/core/check.hpp"

#include <utility>

namespace dm {

void MediumIo::submit(BlockBackend& medium, BlockIo::Op op, u64 offset, std::span<const iovec> iov,
                      Client& client) {
    start({&medium, op, offset, iov, &client, 0});
}

void MediumIo::discard(BlockBackend& medium, u64 offset, u64 length, Client& client) {
    start({&medium, BlockIo::Op::Discard, offset, {}, &client, length});
}

void MediumIo::start(const Request& request) {
    DM_CHECK(!busy());
    next_ = request;
    if (!pumping_) pump();
}

void MediumIo::pump() {
    pumping_ = true;
    while (next_) {
        const Request request = *std::exchange(next_, std::nullopt);
        medium_ = request.medium;
        client_ = request.client;
        io_ = BlockIo{
            .op = request.op,
            .offset = request.offset,
            .iov = request.iov,
            .done = [](BlockIo& io, int error) { static_cast<MediumIo*>(io.owner)->completed(error); },
            .owner = this,
            .length = request.length};
        in_flight_ = true;
        submitting_ = true;
        medium_->submit(io_);
        submitting_ = false;
        if (in_flight_) break;
        client_->io_done(error_);
    }
    pumping_ = false;
}

void MediumIo::completed(int error) {
    in_flight_ = false;
    error_ = error;
    if (submitting_ || client_ == nullptr) return;
    pumping_ = true;
    client_->io_done(error);
    pump();
}

void MediumIo::cancel() {
    if (!in_flight_) return;
    client_ = nullptr;
    medium_->drain();
    DM_CHECK(!in_flight_);
}

void MediumIo::finish() {
    while (in_flight_)
        medium_->drain();
}

} // namespace dm
