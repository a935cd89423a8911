// One PV disk of the guest: the "qdisk" back end of libxl, for images that the kernel's back end cannot
// serve. Facts: Xen's public/io/blkif.h, and libxl, which makes the nodes.
//
// CD-ROMs are closed at once: PV drivers of HVM guests leave them to the emulated drive, and a medium that
// was changed there would be a wrong one here. See docs/qdisk.md.
#pragma once

#include "dm/core/disk_source.hpp"
#include "dm/xen/pv/blk_queue.hpp"
#include "dm/xen/pv/pv_device.hpp"

namespace dm::xen {

/// libxl's "params" of a qdisk; nothing: there is no medium.
std::optional<DiskRequest> parse_qdisk_params(std::string_view params);

class Qdisk final : public PvDevice {
public:
    static constexpr unsigned kMostRingOrder = 4;
    static_assert((1U << kMostRingOrder) == BlkRing::kMostPages);

    /// `world` has grants. `over`: as PvDevice's.
    Qdisk(PvWorld& world, DiskSource& disks, std::string backend, std::function<void()> over);
    ~Qdisk() override;

    /// No request is in flight when it returns, and none is taken before resume().
    void pause() override;
    void resume() override;

private:
    bool open() override;
    void release() override;
    Status attach() override;
    void attached() override { kick(); }
    void detach() override;
    bool busy() const override { return queue_ != nullptr && queue_->busy(); }

    void tell_sectors();
    Status open_medium();
    void make_queue();
    void announce();
    Result<std::vector<u32>> ring_grefs() const;
    void kick();
    void look_again() { look(); }
    void later(void (Qdisk::*what)());

    DiskSource& disks_;
    std::unique_ptr<BlockBackend> medium_;
    bool read_only_ = false;
    bool discard_ = false;
    std::unique_ptr<BlkQueue> queue_; ///< as long as medium_
    GrantMapping ring_;
    std::optional<u32> port_;
    bool paused_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace dm::xen
