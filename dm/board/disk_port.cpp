#include "dm/board/disk_port.hpp"

#include <algorithm>
#include <cerrno>

namespace dm {

SharedImage::SharedImage(std::unique_ptr<host::Image> opened) : image(std::move(opened)) {
    image->set_size_changed([this] {
        for (std::size_t i = 0; i < ports.size(); ++i) // one of them may leave meanwhile
            ports[i]->size_changed();
    });
}

DiskPort::DiskPort(std::shared_ptr<SharedImage> shared, Rights rights)
    : shared_(std::move(shared)), rights_(rights) {
    shared_->ports.push_back(this);
}

DiskPort::~DiskPort() {
    drain();
    std::erase(shared_->ports, this);
}

void DiskPort::submit(BlockIo& io) {
    const bool writes = io.op != BlockIo::Op::Read && io.op != BlockIo::Op::Flush;
    if (writes && rights_.read_only) return io.done(io, EROFS);
    if (io.op == BlockIo::Op::Discard && !rights_.discard) return io.done(io, 0);
    if (free_.empty()) {
        passings_.push_back(std::make_unique<Passing>());
        free_.push_back(passings_.back().get());
    }
    Passing& passing = *free_.back();
    free_.pop_back();
    ++in_flight_;
    passing.io = io;
    passing.io.unmap = io.unmap && rights_.discard;
    passing.io.done = [](BlockIo& ours, int error) {
        auto& owner = *static_cast<Passing*>(ours.owner);
        owner.port->passed(owner, error);
    };
    passing.io.owner = &passing;
    passing.theirs = &io;
    passing.port = this;
    image().submit(passing.io);
}

void DiskPort::passed(Passing& passing, int error) {
    BlockIo& io = *passing.theirs;
    free_.push_back(&passing);
    --in_flight_;
    io.done(io, error);
}

void DiskPort::drain() {
    while (in_flight_ > 0)
        image().wait();
}

} // namespace dm
