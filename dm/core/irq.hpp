// Interrupt lines. A device holds an IrqLine and knows no number behind it.
#pragma once

#include "dm/core/types.hpp"

#include <vector>

namespace dm {

/// Where lines end: the hypervisor's interrupt controllers, or a test.
class IrqSink {
public:
    virtual ~IrqSink() = default;
    /// Each call is a hypercall, so it is made on changes only.
    virtual void set_level(unsigned line, bool level) = 0;
};

/// Where message-signalled interrupts go: writes of `data` to an address that is an interrupt controller's.
class MsiSink {
public:
    virtual ~MsiSink() = default;
    virtual void send_msi(u64 addr, u32 data) = 0;
};

/// One level-triggered line into a sink. Copies are not allowed: a line has one driver (or an IrqOr).
class IrqLine {
public:
    IrqLine() = default; ///< connected to nothing
    IrqLine(IrqSink& sink, unsigned line) : sink_(&sink), line_(line) {}
    IrqLine(IrqLine&&) = default;
    IrqLine& operator=(IrqLine&&) = default;

    void set(bool level) {
        if (level == level_) return;
        level_ = level;
        if (sink_ != nullptr) sink_->set_level(line_, level);
    }
    bool level() const { return level_; }

private:
    IrqSink* sink_ = nullptr;
    unsigned line_ = 0;
    bool level_ = false;
};

/// Several drivers on one line (shared ISA interrupts): high while any of them is.
class IrqOr final : public IrqSink {
public:
    explicit IrqOr(IrqLine out) : out_(std::move(out)) {}
    /// A new driver's line. The IrqOr must outlive it.
    IrqLine input() {
        levels_.push_back(false);
        return IrqLine{*this, static_cast<unsigned>(levels_.size() - 1)};
    }
    void set_level(unsigned input, bool level) override {
        levels_[input] = level;
        bool any = false;
        for (const bool l : levels_)
            any = any || l;
        out_.set(any);
    }

private:
    IrqLine out_;
    std::vector<bool> levels_;
};

} // namespace dm
