// Memory that the guest grants us: rings are mapped for as long as they are in use, data is copied.
//
// Data is copied by Xen (grant copy), not mapped: a mapping costs two hypercalls and a flush of every CPU's
// TLB per request, and the guest could change the data while it is on its way. Grants that stay mapped
// (feature-persistent) save the hypercall, but make the guest copy everything itself. Where the kernel cannot
// copy (FreeBSD), pages are mapped for the moment of a copy. docs/qdisk.md weighs them.
#pragma once

#include "dm/core/log.hpp"
#include "dm/core/result.hpp"

#include <memory>
#include <span>
#include <vector>

struct xengntdev_handle;

namespace dm::xen {

/// A piece of a granted page and the memory of ours that goes with it.
struct GrantPiece {
    u32 gref = 0;
    u32 offset = 0; ///< into the page; offset + length is at most a page
    u32 length = 0;
    u8* ours = nullptr;
    bool ok = false; ///< set by the copy: false where the guest never granted that
};

class GrantCopier {
public:
    virtual ~GrantCopier() = default;
    virtual void copy_in(std::span<GrantPiece> pieces) = 0;  ///< guest to us
    virtual void copy_out(std::span<GrantPiece> pieces) = 0; ///< us to guest
};

class Grants;

/// Pages of the guest's next to each other in our memory, until this object goes.
class GrantMapping {
public:
    GrantMapping() = default;
    GrantMapping(GrantMapping&& other) noexcept;
    GrantMapping& operator=(GrantMapping&& other) noexcept;
    GrantMapping(const GrantMapping&) = delete;
    GrantMapping& operator=(const GrantMapping&) = delete;
    ~GrantMapping();

    std::span<u8> bytes() const { return bytes_; }

private:
    friend class Grants;
    GrantMapping(xengntdev_handle* handle, std::span<u8> bytes) : handle_(handle), bytes_(bytes) {}

    xengntdev_handle* handle_ = nullptr;
    std::span<u8> bytes_;
};

class Grants final : public GrantCopier {
public:
    /// The grants of domain `domid`.
    static Result<std::unique_ptr<Grants>> open(u16 domid);
    ~Grants() override;
    Grants(const Grants&) = delete;
    Grants& operator=(const Grants&) = delete;

    /// For reading and writing. No more than a ring needs.
    Result<GrantMapping> map(std::span<const u32> grefs);
    void copy_in(std::span<GrantPiece> pieces) override { copy(pieces, true); }
    void copy_out(std::span<GrantPiece> pieces) override { copy(pieces, false); }

private:
    Grants(xengntdev_handle* handle, u16 domid);
    void copy(std::span<GrantPiece> pieces, bool in);
    bool copy_by_xen(std::span<GrantPiece> pieces, bool in);
    void copy_by_mapping(std::span<GrantPiece> pieces, bool in);

    struct Segments; ///< libxengnttab's, kept for the next copy

    xengntdev_handle* handle_;
    u16 domid_;
    bool kernel_copies_ = true;
    std::unique_ptr<Segments> segments_;
    Log log_{"grants"};
};

} // namespace dm::xen
