// The chip: registers, interrupts and the SCRIPTS processor (technical manual, chapters 4 and 5).
#include "tests/devices/lsi53c895a_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace lsi_rig;

struct LsiTest : testing::Test {
    /// Runs a script that ends with an INT instruction, which is added; true when it got there.
    bool run(std::initializer_list<Words> parts) {
        Words all = join(parts);
        for (const u32 w : interrupt(0x77))
            all.push_back(w);
        r.run(all);
        const u8 dstat = r.reg(DSTAT);
        return dstat == (dstat::DFE | dstat::SIR) && r.reg32(DSPS) == 0x77;
    }
    void poke_ram(u32 offset, const Words& words) {
        for (std::size_t i = 0; i < words.size(); ++i)
            r.poke(kScriptRam + offset + 4 * i, words[i]);
    }
    LsiRig r;
};

TEST_F(LsiTest, IsFoundAsTheChipThatDriversKnow) {
    EXPECT_EQ(r.pci.config_read(kBdf, pci::VENDOR_ID, 4), 0x0012'1000U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::CLASS_DEVICE, 2), 0x0100U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::SUBSYSTEM_VENDOR_ID, 4), 0x1000'0000U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::INTERRUPT_PIN, 1), 1U);
    EXPECT_EQ(r.dev.bar_size(0), 256U);
    EXPECT_EQ(r.dev.bar_size(1), 1024U);
    EXPECT_EQ(r.dev.bar_size(2), 8192U);
}

TEST_F(LsiTest, RegistersHaveTheirResetValuesInBothBars) {
    EXPECT_EQ(r.reg(SCNTL0), 0xc0);
    EXPECT_EQ(r.reg(SCID), 7);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE);
    EXPECT_EQ(r.reg(SSTAT2), sstat2::LDSC); // nobody is connected
    EXPECT_EQ(r.reg(STEST4), 0xe0);         // low voltage differential
    EXPECT_EQ(r.reg(CTEST1), 0xf0);
    EXPECT_EQ(r.peek(kMmio + STEST4, 1), 0xe0U);
    EXPECT_EQ(r.peek(kMmio + 0x300 + STEST4, 1), 0xe0U);
}

TEST_F(LsiTest, ReadOnlyRegistersStayWhenWritten) { // Linux writes to them at start, and looks
    r.set(DSTAT, 0xffff'ffff, 4);
    EXPECT_EQ(r.reg32(DSTAT), 0x0200'0080U);
    r.set(STEST4, 0);
    EXPECT_EQ(r.reg(STEST4), 0xe0);
}

TEST_F(LsiTest, ScratchRegistersAndScriptRamAreStorage) {
    for (unsigned reg = SCRATCHB; reg < MMRS; reg += 4) {
        r.set(reg, 0x1234'5600U + reg, 4);
        EXPECT_EQ(r.reg32(reg), 0x1234'5600U + reg);
    }
    std::vector<u8> bytes(kScriptRam == 0 ? 0 : 8192);
    std::iota(bytes.begin(), bytes.end(), u8{1});
    r.memory.write_span(kScriptRam, 4, bytes);
    std::vector<u8> back(8192);
    r.memory.read_span(kScriptRam, 4, back);
    EXPECT_EQ(back, bytes);
    EXPECT_EQ(r.peek(kScriptRam + 8184, 8), 0x00ff'fefd'fcfb'faf9U);
}

TEST_F(LsiTest, TheSoftResetEndsByItselfAndKeepsTheScriptRam) { // SeaBIOS never takes SRST back
    r.poke(kScriptRam, 0x1234);
    r.set(SCRATCHA, 0xffff, 4);
    r.set(ISTAT0, istat0::SRST);
    EXPECT_EQ(r.reg(ISTAT0), 0);
    EXPECT_EQ(r.reg32(SCRATCHA), 0U);
    EXPECT_EQ(r.peek(kScriptRam), 0x1234U);
}

TEST_F(LsiTest, PcicieShowsWhereTheChipIs) {
    r.set(CTEST2, ctest2::PCICIE);
    EXPECT_EQ(r.reg32(SCRATCHA), kMmio);
    EXPECT_EQ(r.reg32(SCRATCHB), kScriptRam);
    r.set(CTEST2, 0);
    EXPECT_EQ(r.reg32(SCRATCHA), 0U);
}

TEST_F(LsiTest, PinsThatNobodyDrivesReadAsOnes) { // where Linux looks for an EEPROM
    r.set(GPREG0, 0);
    EXPECT_EQ(r.reg(GPREG0), 0x0f);
    r.set(GPCNTL0, 0x0e);
    EXPECT_EQ(r.reg(GPREG0), 0x0e);
}

TEST_F(LsiTest, AnInterruptInstructionStopsTheScriptAndRaisesTheLineWhenEnabled) {
    r.run(interrupt(0x1234'5678));
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.reg(ISTAT0), istat0::DIP);
    EXPECT_EQ(r.reg(ISTAT1), 0);
    r.set(DIEN, dstat::SIR);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg32(DSPS), 0x1234'5678U);
    EXPECT_EQ(r.reg32(DSP), kScript + 8);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SIR);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.reg(ISTAT0), 0);
}

TEST_F(LsiTest, AnInterruptOnTheFlyDoesNotStopTheScript) {
    EXPECT_TRUE(run({interrupt_on_the_fly(), modify(SCRATCHA, MOVE, 5)}));
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(SCRATCHA), 5);
    EXPECT_EQ(r.reg(ISTAT0), istat0::INTF);
    r.set(ISTAT0, istat0::INTF);
    EXPECT_EQ(r.reg(ISTAT0), 0);
    EXPECT_FALSE(r.irq());
}

TEST_F(LsiTest, TheLineCanBeDisabledAndComesBack) {
    r.set(DIEN, dstat::SIR);
    r.run(interrupt(1));
    r.set(DCNTL, dcntl::IRQD);
    EXPECT_FALSE(r.irq());
    r.set(DCNTL, 0);
    EXPECT_TRUE(r.irq());
}

TEST_F(LsiTest, LaterInterruptsWaitUntilTheFirstWasRead) {
    r.run(interrupt(1));
    r.set(SCNTL1, scntl1::RST);
    EXPECT_EQ(r.reg(ISTAT0), istat0::DIP);
    EXPECT_EQ(r.reg(SIST0), 0);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SIR);
    EXPECT_EQ(r.reg(ISTAT0), istat0::SIP);
    EXPECT_EQ(r.reg(SIST0), sist0::RST);
    EXPECT_EQ(r.reg(ISTAT0), 0);
}

TEST_F(LsiTest, AbortStopsAScript) {
    r.run(wait_reselect(0));
    EXPECT_EQ(r.reg(ISTAT1), istat1::SRUN);
    r.set(ISTAT0, istat0::ABRT);
    EXPECT_EQ(r.reg(ISTAT1), 0);
    r.set(ISTAT0, 0);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::ABRT);
}

TEST_F(LsiTest, SingleStepStopsAfterEachInstruction) {
    r.set(DCNTL, dcntl::SSM);
    r.run(join({modify(SCRATCHA, MOVE, 1), modify(SCRATCHA, MOVE, 2), interrupt(9)}));
    EXPECT_EQ(r.reg(SCRATCHA), 1);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SSI);
    r.set(DCNTL, dcntl::SSM | dcntl::STD);
    EXPECT_EQ(r.reg(SCRATCHA), 2);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SSI);
}

TEST_F(LsiTest, InManualModeAScriptStartsWithStd) {
    r.set(DMODE, dmode::MAN);
    r.run(interrupt(1));
    EXPECT_EQ(r.reg(ISTAT0), 0);
    r.set(DCNTL, dcntl::STD);
    EXPECT_EQ(r.reg(ISTAT0), istat0::DIP);
    EXPECT_EQ(r.reg(DCNTL), 0);
}

TEST_F(LsiTest, ArithmeticGoesThroughTheCarry) {
    EXPECT_TRUE(run({modify(SCRATCHA, MOVE, 0xff), modify(SCRATCHA, ADD, 2), modify(SCRATCHA + 1, ADDC, 4),
                     modify(SCRATCHA + 2, MOVE, 0x81), set(CARRY), modify(SCRATCHA + 2, SHL, 0),
                     modify(SCRATCHA + 3, SHR, 0)}));
    EXPECT_EQ(r.reg32(SCRATCHA), 0x8003'0501U);
    EXPECT_TRUE(run({modify(SCRATCHA, MOVE, 0x0f), modify(SCRATCHA, OR, 0x30), modify(SCRATCHA, AND, 0x3c),
                     modify(SCRATCHA, XOR, 0xff)}));
    EXPECT_EQ(r.reg(SCRATCHA), 0xc3);
}

TEST_F(LsiTest, SfbrIsSourceAndDestination) {
    r.set(SCRATCHA, 0x44, 4);
    EXPECT_TRUE(run({to_sfbr(SCRATCHA, ADD, 1), from_sfbr(SCRATCHB, OR, 0x80), modify(SFBR, XOR, 0xff),
                     from_sfbr(0x9c, OR, 0)})); // SCRATCHR: bit 7 of its number stands elsewhere
    EXPECT_EQ(r.reg(SCRATCHB), 0xc5);
    EXPECT_EQ(r.reg(0x9c), 0xba);
}

TEST_F(LsiTest, SigpIsClearedByReadingCtest2AlsoFromAScript) {
    r.set(ISTAT0, istat0::SIGP);
    EXPECT_EQ(r.reg(ISTAT0), istat0::SIGP);
    EXPECT_TRUE(run({to_sfbr(CTEST2, AND, 0x40), from_sfbr(SCRATCHA, OR, 0)}));
    EXPECT_EQ(r.reg(SCRATCHA), 0x40);
    EXPECT_EQ(r.reg(ISTAT0), 0);
}

TEST_F(LsiTest, LoadAndStoreMoveOneToFourBytes) {
    r.put_words(kData, {0x1122'3344});
    r.set(DSA, kData + 16, 4);
    EXPECT_TRUE(run({load(SCRATCHA, 4, kData), store(SCRATCHA, 2, kData + 4),
                     Words{0xf000'0000U | SCRATCHA << 16 | 4, 0x00ff'fff8}})); // relative to DSA, backwards
    EXPECT_EQ(r.word(kData + 4), 0x3344U);
    EXPECT_EQ(r.word(kData + 8), 0x1122'3344U);
}

TEST_F(LsiTest, ALoadAcrossARegisterIsIllegal) {
    r.run(load(SCRATCHA + 2, 4, kData));
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::IID);
    r.run(load(SCRATCHA, 0, kData));
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::IID);
}

TEST_F(LsiTest, CallsReturn) {
    r.put_words(kScript + 0x100, join({modify(SCRATCHA, ADD, 1), ret()}));
    EXPECT_TRUE(run({call(kScript + 0x100), call(kScript + 0x100)}));
    EXPECT_EQ(r.reg(SCRATCHA), 2);
}

TEST_F(LsiTest, MemoryMovesReachRamAndScriptRamAndKeepTemp) {
    for (u32 i = 0; i < 0x4000; i += 4)
        r.put_words(kData + i, {i * 7});
    r.set(TEMP, 0xabcd, 4);
    EXPECT_TRUE(run({copy(0x4000, kData, kData + 0x4000), copy(64, kData + 4, kScriptRam + 0x100),
                     copy(4, kScriptRam + 0x104, kData + 0x9000)}));
    EXPECT_EQ(r.bytes(kData, 0x4000), r.bytes(kData + 0x4000, 0x4000));
    EXPECT_EQ(r.word(kData + 0x9000), 8U * 7);
    EXPECT_EQ(r.reg32(TEMP), 0xabcdU);
}

TEST_F(LsiTest, AMemoryMoveOverItselfEnds) {
    r.put(kData, {1, 2, 3, 4});
    EXPECT_TRUE(run({copy(0x8000, kData, kData + 1)}));
    EXPECT_EQ(r.bytes(kData, 5), (std::vector<u8>{1, 1, 2, 3, 4}));
    EXPECT_TRUE(run({copy(0x1000, kScriptRam, kScriptRam + 4)}));
}

TEST_F(LsiTest, MemoryMovesNeverReachRegisters) { // CVE class: a device's DMA to its own registers
    r.run(copy(4, kData, kMmio + SCRATCHA));
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::BF);
    r.run(copy(4, kMmio + DSTAT, kData));
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::BF);
    r.set(DMODE, dmode::SIOM);
    r.run(copy(4, kIo, kData));
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::BF);
}

TEST_F(LsiTest, ScriptsRunFromTheScriptRamAndChangeThemselves) {
    // The first instruction makes an INT of the NOP behind it.
    poke_ram(0, join({copy(4, kData, kScriptRam + 12), Words{0x8000'0000, 0x55}, interrupt(0x66)}));
    r.put_words(kData, {0x9808'0000});
    r.set(DSP, kScriptRam, 4);
    EXPECT_EQ(r.reg32(DSPS), 0x55U);
}

TEST_F(LsiTest, AScriptThatIsNowhereIsABusFault) {
    for (const u64 where : {u64{0x8000'0000}, kMmio, u64{0xffff'fff8}}) {
        r.set(DSP, where, 4);
        EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::BF);
    }
    poke_ram(8184, jump(0)); // the next fetch is beyond the RAM
    r.poke(kScriptRam + 8184, 0x8000'0000);
    r.set(DSP, kScriptRam + 8184, 4);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::BF);
}

TEST_F(LsiTest, WordsOfZerosAreSkipped) { // SeaBIOS has a block move of nothing to address 0
    EXPECT_TRUE(run({Words{0, 0}, modify(SCRATCHA, MOVE, 1)}));
    EXPECT_EQ(r.reg(SCRATCHA), 1);
}

TEST_F(LsiTest, WithoutBusMasteringAScriptStandsStill) {
    r.place_bars(3);
    r.run(interrupt(1));
    EXPECT_EQ(r.reg(ISTAT0), 0);
    EXPECT_EQ(r.reg(ISTAT1), istat1::SRUN);
    r.place_bars(7);
    EXPECT_EQ(r.reg(ISTAT0), istat0::DIP);
}

TEST_F(LsiTest, AnEndlessScriptPausesAndGoesOn) {
    r.run(join(
        {load(SCRATCHA, 4, kData), to_sfbr(SCRATCHA, OR, 0), Words{0x808c'0000, 0x00ff'ffe8}, interrupt(7)}));
    EXPECT_EQ(r.reg(ISTAT1), istat1::SRUN); // and we are here
    for (int i = 0; i < 5; ++i)
        r.advance(Lsi53c895a::kPause);
    EXPECT_EQ(r.reg(ISTAT1), istat1::SRUN);
    r.ram[kData] = 1;
    r.advance(Lsi53c895a::kPause);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SIR);
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
}

TEST_F(LsiTest, AScriptCannotStayInItsOwnRegisters) {
    r.set(SIEN0, 0xff);
    // Writes DSP (also through LOAD), STD, SRST, SCNTL1.RST of the chip that runs it.
    r.put_words(kData, {kScript});
    r.run(join({load(DSP, 4, kData), interrupt(1)}));
    EXPECT_EQ(r.reg(ISTAT1), istat1::SRUN);
    r.run(join({modify(DCNTL, OR, dcntl::STD), interrupt(2)}));
    EXPECT_EQ(r.reg32(DSPS), 2U);
    r.reg(DSTAT);
    r.run(join({modify(SCNTL1, OR, scntl1::RST), interrupt(3)}));
    EXPECT_EQ(r.reg(SIST0), sist0::RST);
    r.run(join({modify(ISTAT0, MOVE, istat0::SRST), interrupt(4)}));
    EXPECT_EQ(r.reg(ISTAT0), 0);
    EXPECT_EQ(r.reg(ISTAT1), 0);
}

TEST_F(LsiTest, SelectingNobodyTimesOutWithTheNextUseOfTheBus) { // Linux looks where DSP stands
    r.set(SIEN1, sist1::STO);
    r.run(join({select_atn(5, 0), modify(SCRATCHA, MOVE, 1), jump_when(MSG_OUT, kScript), interrupt(1)}));
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(SCRATCHA), 1);
    EXPECT_EQ(r.reg32(DSP), kScript + 24);
    EXPECT_EQ(r.reg(SIST1), sist1::STO);
    EXPECT_EQ(r.reg(ISTAT0), 0);
}

TEST_F(LsiTest, SelectingNobodyTimesOutWhateverFollows) {
    r.run(join({select_atn(5, 0), interrupt(1)}));
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SIR);
    EXPECT_EQ(r.reg(SIST1), sist1::STO);
    r.run(join({select_atn(7, 0), move(MSG_OUT, 1, kData)})); // the chip's own ID
    EXPECT_EQ(r.reg(SIST1), sist1::STO);
}

TEST_F(LsiTest, ASelectedTargetAsksForAMessage) {
    r.run(join({select_atn(1, 0), jump_when(MSG_OUT, kScript + 24), interrupt(1), interrupt(2)}));
    EXPECT_EQ(r.reg32(DSPS), 2U);
    EXPECT_EQ(r.reg(SDID), 1);
    EXPECT_EQ(r.reg(SCNTL1), scntl1::CON);
    EXPECT_EQ(r.reg(ISTAT0), istat0::CON | istat0::DIP);
    EXPECT_EQ(r.reg(SBCL), lines::REQ | lines::BSY | lines::ATN | 6);
    EXPECT_EQ(r.reg(SSTAT1), 6);
}

TEST_F(LsiTest, SelectionFromATableLoadsTransferParameters) {
    r.set(DSA, kTable, 4);
    r.put_words(kTable + 4, {0x3501'7800});
    r.run(join({select_atn_table(4, 0), interrupt(1)}));
    EXPECT_EQ(r.reg(SDID), 1);
    EXPECT_EQ(r.reg(SXFER), 0x78);
    EXPECT_EQ(r.reg(SCNTL3), 0x35);
}

TEST_F(LsiTest, TheWrongPhaseIsAMismatch) {
    r.run(join({select_atn(0, 0), move(DATA_IN, 0x1234, kData)}));
    EXPECT_EQ(r.reg(SIST0), sist0::MA);
    EXPECT_EQ(r.reg32(DSP), kScript + 16);
    EXPECT_EQ(r.reg32(DBC) & 0xff'ffff, 0x1234U);
    EXPECT_EQ(r.reg(DFIFO), 0x34); // where drivers look for what is still in the FIFO: nothing
    EXPECT_EQ(r.reg(CTEST5) & 3, 2);
}

TEST_F(LsiTest, AShortDataPhaseJumpsWithTheCountersSet) {
    r.settle();
    r.set(CCNTL0, ccntl0::ENPMJ);
    r.set(PMJAD1, kScript + 0x200, 4);
    r.put_words(kScript + 0x200, interrupt(0x99));
    r.put(kMessageOut, {0x80});
    r.put(kCommand, {0x12, 0, 0, 0, 36, 0});
    r.run(join({select_atn(0, 0), move(MSG_OUT, 1, kMessageOut), move(COMMAND, 6, kCommand),
                move(DATA_IN, 100, kData), interrupt(1)}));
    EXPECT_EQ(r.reg32(DSPS), 0x99U);
    EXPECT_EQ(r.reg32(RBC), 64U);
    EXPECT_EQ(r.reg32(UA), kData + 36);
    EXPECT_EQ(r.reg32(IA), kScript + 24);
    EXPECT_EQ(r.reg(SSTAT1), 3);
    EXPECT_EQ(r.reg(SIST0), 0);
}

TEST_F(LsiTest, WithoutTheJumpAShortDataPhaseInterrupts) {
    r.settle();
    r.set(CCNTL0, 0);
    r.prepare(0, {0x12, 0, 0, 0, 36, 0}, {{kData, 100}});
    r.go();
    EXPECT_EQ(r.reg(SIST0), sist0::MA);
    EXPECT_EQ(r.reg32(DBC) & 0xff'ffff, 64U);
    EXPECT_EQ(r.reg(DCMD), 0x11); // table indirect, DATA IN
}

TEST_F(LsiTest, PmjctlChoosesTheJumpByDirection) {
    r.settle();
    r.set(PMJAD1, kScript + 0x400, 4);
    r.set(PMJAD2, kScript + 0x408, 4);
    r.put_words(kScript + 0x400, join({interrupt(0xa1), interrupt(0xa2)}));
    r.set(CCNTL0, ccntl0::ENPMJ | ccntl0::PMJCTL);
    r.prepare(0, {0x12, 0, 0, 0, 36, 0}, {{kData, 100}});
    r.go();
    EXPECT_EQ(r.reg32(DSPS), 0xa2U);
}

TEST_F(LsiTest, ATableInNoMemoryIsABusFault) {
    r.prepare(0, {0x12, 0, 0, 0, 36, 0}, {{kData, 36}});
    r.set(DSA, 0x9000'0000, 4);
    r.set(DSP, kScript, 4);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::BF);
}

TEST_F(LsiTest, TableEntriesHave40BitsWhenEnabled) {
    r.settle();
    r.set(CCNTL1, ccntl1::EN64TIBMV | ccntl1::TIMOD64);
    r.prepare(0, {0x12, 0, 0, 0, 36, 0}, {{kData, 0x0100'0000 | 36}}); // above all RAM: goes nowhere
    r.set(CCNTL0, 0);
    r.go();
    EXPECT_EQ(r.finish(), 0);
    EXPECT_EQ(r.word(kData), 0U);
    EXPECT_EQ(r.reg(UA + 3), 0);
    r.set(CCNTL1, ccntl1::EN64TIBMV); // the upper half from a register that the entry names
    r.set(SCRATCHC + 4, 0, 4);
    r.go();
    EXPECT_EQ(r.finish(), 0);
    EXPECT_NE(r.word(kData), 0U);
}

TEST_F(LsiTest, SigpWakesAScriptThatWaitsForReselection) {
    r.run(join({wait_reselect(kScript + 16), interrupt(1), interrupt(2)}));
    EXPECT_EQ(r.reg(ISTAT1), istat1::SRUN);
    r.set(ISTAT0, istat0::SIGP);
    EXPECT_EQ(r.reg32(DSPS), 2U);
    r.reg(DSTAT);
    r.run(join({wait_reselect(kScript + 16), interrupt(1), interrupt(3)})); // SIGP is still there
    EXPECT_EQ(r.reg32(DSPS), 3U);
}

TEST_F(LsiTest, ABlockMoveWithoutConnectionIsAnUnexpectedDisconnect) {
    r.run(move(DATA_IN, 16, kData));
    EXPECT_EQ(r.reg(SIST0), sist0::UDC);
}

TEST_F(LsiTest, ABusResetIsHeardAndFreesTheBus) {
    r.set(SIEN0, sist0::RST);
    r.run(join({select_atn(0, 0), interrupt(1)}));
    r.reg(DSTAT);
    r.set(SCNTL1, scntl1::RST);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(SIST0), sist0::RST);
    EXPECT_EQ(r.reg(SSTAT0) & sstat0::RST, sstat0::RST);
    EXPECT_EQ(r.reg(SBCL), 0);
    EXPECT_EQ(r.reg(SBDL), 0);
    r.set(SCNTL1, 0);
    EXPECT_EQ(r.reg(SSTAT0) & sstat0::RST, 0);
    EXPECT_EQ(r.command(0, {0x00}), 2);
    EXPECT_EQ(r.sense(), (std::array<u8, 3>{6, 0x29, 2}));
}

TEST_F(LsiTest, TheGeneralPurposeTimerExpires) { // with which drivers measure the chip's clock
    r.set(STIME1, 3);
    r.advance(999 * kMicrosecond);
    EXPECT_EQ(r.reg(SIST1), 0);
    r.advance(1 * kMicrosecond);
    EXPECT_EQ(r.reg(ISTAT0), 0); // not enabled: no interrupt
    EXPECT_EQ(r.reg(SIST1), sist1::GEN);
    r.set(SIEN1, sist1::GEN);
    r.set(STIME1, 1);
    r.advance(250 * kMicrosecond);
    EXPECT_TRUE(r.irq());
    r.set(STIME1, 0);
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
}

TEST_F(LsiTest, UnpluggedItInterruptsNeverAgain) {
    r.set(SIEN1, sist1::GEN);
    r.set(STIME1, 1);
    r.advance(250 * kMicrosecond);
    EXPECT_TRUE(r.irq());
    r.set(STIME1, 3);
    EXPECT_TRUE(r.dev.unplug().ok());
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
}

TEST_F(LsiTest,
       SeaBiosFindsAndReadsADisk) { // its script, with its selection without ATN and its long command
    r.set(ISTAT0, istat0::SRST);
    const auto seabios = [&](const std::vector<u8>& cdb, u32 move_word, u32 buffer) {
        auto command = cdb;
        command.resize(16);
        r.put(kMessageOut, {0x80, 0x08});
        r.put(kCommand, command);
        r.ram[kStatus] = r.ram[kMessageIn] = 0xff;
        r.run(join({Words{0x4000'0000, 0}, move(MSG_OUT, 1, kMessageOut), move(COMMAND, 16, kCommand),
                    Words{0x8782'0000, 0x18}, move(MSG_IN, 2, kMessageIn + 4), wait_reselect(0),
                    move(MSG_IN, 2, kMessageIn + 4), Words{move_word, buffer}, move(STATUS, 1, kStatus),
                    move(MSG_IN, 1, kMessageIn), interrupt(0)}));
        while (!r.disk.held.empty())
            r.disk.complete();
        const u8 dstat = r.reg(DSTAT);
        EXPECT_EQ(r.reg(SIST0), 0);
        EXPECT_EQ(r.reg(SIST1), 0);
        EXPECT_EQ(dstat & dstat::SIR, dstat::SIR);
        EXPECT_EQ(r.ram[kMessageIn], 0);
        return r.ram[kStatus];
    };
    EXPECT_EQ(seabios({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16}, 0x0100'0010, kData), 0);
    EXPECT_EQ(r.ram[kData + 3], 8);
    EXPECT_EQ(seabios({0x12, 0, 0, 0, 36}, 0x0100'0024, kData), 0);
    EXPECT_EQ(seabios({0x00}, 0, 0), 2); // unit attention
    EXPECT_EQ(seabios({0x03, 0, 0, 0, 18}, 0x0100'0012, kData), 0);
    EXPECT_EQ(seabios({0x00}, 0, 0), 0);
    EXPECT_EQ(seabios({0x25}, 0x0100'0008, kData), 0);
    for (const bool slow : {false, true}) {
        r.disk.hold = slow;
        EXPECT_EQ(seabios({0x28, 0, 0, 0, 0, 3, 0, 0, 2}, 0x0100'0400, kData), 0);
        EXPECT_TRUE(
            std::equal(r.disk.data.begin() + 1536, r.disk.data.begin() + 2560, r.ram.begin() + kData));
        std::fill_n(r.ram.begin() + kData, 1024, u8{0});
    }
}

INSTANTIATE_TYPED_TEST_SUITE_P(Lsi53c895a, DeviceConformance, LsiRig);

} // namespace
} // namespace dm::test
