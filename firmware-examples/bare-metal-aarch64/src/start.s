// From reset, or from a loader, to Rust's `main`: privilege level 1, with vectors, caches and a stack.
//
// The loader has to leave the caches of data clean, as every one does that hands over to Linux.

.section .text.start, "ax"
.global start
start:
    // The other cores sleep.
    mrs     x0, mpidr_el1
    tst     x0, #0xff
    b.ne    sleep

    // Linux' loaders, a Raspberry Pi's firmware among them, end at level 2.
    mrs     x19, CurrentEL
    lsr     x19, x19, #2
    cmp     x19, #2
    b.hi    sleep
    b.lo    level_1

    mov     x0, #(1 << 31)                  // HCR: level 1 is 64-bit
    msr     hcr_el2, x0
    mov     x0, #0x33ff                     // CPTR: vectors are not trapped
    msr     cptr_el2, x0
    mov     x0, #3                          // nor is the clock
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mrs     x0, pmcr_el0                    // nor are the event counters
    ubfx    x0, x0, #11, #5
    msr     mdcr_el2, x0
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    ldr     x0, =0x30d00800                 // SCTLR: nothing but the bits that are always set
    msr     sctlr_el1, x0
    mov     x0, #0x3c5                      // to level 1, its own stack, interrupts masked
    msr     spsr_el2, x0
    adr     x0, level_1
    msr     elr_el2, x0
    eret

level_1:
    mov     x0, #(3 << 20)                  // CPACR: floating point and vectors
    msr     cpacr_el1, x0
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    msr     vbar_el1, x0

    // Without address translation all memory is a device's: slow, and no access may be unaligned, as vectors often are.
    ldr     x0, =0x00ff                     // MAIR: 0 is memory, written back; 1 is a device
    msr     mair_el1, x0
    ldr     x0, =0x100803519                // TCR: 39 bits of address, 4 kB pages, cached tables; 36 bits of memory
    msr     tcr_el1, x0
    adrp    x0, TRANSLATION
    add     x0, x0, :lo12:TRANSLATION
    msr     ttbr0_el1, x0
    tlbi    vmalle1
    ic      iallu
    dsb     sy
    isb
    ldr     x0, =0x30d01805                 // SCTLR: translation and both caches on
    msr     sctlr_el1, x0
    isb

    ldr     x0, =bss_start
    ldr     x1, =bss_end
zero:
    cmp     x0, x1
    b.hs    zeroed
    stp     xzr, xzr, [x0], #16
    b       zero
zeroed:
    // The stack is painted, so that what was used of it shows.
    ldr     x0, =stack_end
    ldr     x1, =stack_start
    mov     sp, x1
    ldr     x2, =0xcccccccccccccccc
paint:
    stp     x2, x2, [x0], #16
    cmp     x0, x1
    b.lo    paint

    mov     x0, x19
    mov     x29, xzr
    mov     x30, xzr
    bl      main

sleep:
    wfe
    b       sleep

// Where exceptions go: none is expected, so each ends the program with what the processor knows of it.
.balign 2048
vectors:
.rept 16
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    b       faulted
    .balign 128
.endr

faulted:
    ldr     x3, =stack_start
    mov     sp, x3
    bl      fault
    b       sleep
