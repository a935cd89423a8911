// One user's way to an image that others use too.
#pragma once

#include "dm/host/image.hpp"

#include <memory>
#include <vector>

namespace dm {

class DiskPort;

/// An open image and all ways to it.
struct SharedImage {
    explicit SharedImage(std::unique_ptr<host::Image> opened);
    SharedImage(const SharedImage&) = delete;
    SharedImage& operator=(const SharedImage&) = delete;

    std::unique_ptr<host::Image> image;
    std::vector<DiskPort*> ports;
};

class DiskPort final : public BlockBackend {
public:
    struct Rights {
        bool read_only = false;
        bool discard = true; ///< as far as the image does it
    };
    DiskPort(std::shared_ptr<SharedImage> shared, Rights rights);
    /// Waits for what is in flight through it.
    ~DiskPort() override;
    DiskPort(const DiskPort&) = delete;
    DiskPort& operator=(const DiskPort&) = delete;

    u64 size_bytes() const override { return image().size_bytes(); }
    bool read_only() const override { return rights_.read_only || image().read_only(); }
    u32 discard_granularity() const override { return rights_.discard ? image().discard_granularity() : 0; }
    void submit(BlockIo& io) override;
    void drain() override;

    host::Image& image() const { return *shared_->image; }

private:
    friend struct SharedImage;
    struct Passing {
        BlockIo io;
        BlockIo* theirs = nullptr;
        DiskPort* port = nullptr;
    };
    void passed(Passing& passing, int error);

    std::shared_ptr<SharedImage> shared_;
    Rights rights_;
    std::vector<std::unique_ptr<Passing>> passings_;
    std::vector<Passing*> free_;
    std::size_t in_flight_ = 0;
};

} // namespace dm
