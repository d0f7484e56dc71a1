# The smallest program that draws from getrandom(2) alone: 8,192 times, from the
# moment at which the unique id has changed. In an emulated machine a large program
# such as Deno takes longer for its first draw than the kernel for its reseed. Each
# record is the time of CLOCK_MONOTONIC (seconds, nanoseconds) and 16 bytes.
#
#   gcc -nostdlib -static -Wl,-z,noseparate-code,--build-id=none -s -o spinner spinner.s
#   base64 -w 72 spinner        # into scenarios/spinner.ts
#
# rbx: the id, r12: its first word to begin with
.globl _start
_start:
  mov $2, %eax            # open("/dev/mem", O_RDONLY)
  lea mem(%rip), %rdi
  xor %esi, %esi
  syscall
  mov %eax, %r8d          # mmap(0, 4096, PROT_READ, MAP_SHARED, fd, page)
  mov $9, %eax
  xor %edi, %edi
  mov $4096, %esi
  mov $1, %edx
  mov $1, %r10d
  mov page(%rip), %r9
  syscall
  lea 0x28(%rax), %rbx
  mov (%rbx), %r12
  mov $1, %eax            # write(2, "lab: spins\n", 11)
  mov $2, %edi
  lea word(%rip), %rsi
  mov $11, %edx
  syscall
spin:
  mov $318, %eax          # getrandom(out, 16, 0): so that its way is trodden
  lea out(%rip), %rdi
  mov $16, %esi
  xor %edx, %edx
  syscall
  mov $228, %eax          # clock_gettime(CLOCK_MONOTONIC, out): its way too
  mov $1, %edi
  lea out(%rip), %rsi
  syscall
  cmp %r12, (%rbx)
  je spin
  lea out(%rip), %r13
  mov $8192, %r14d
draw:
  mov $228, %eax
  mov $1, %edi
  mov %r13, %rsi
  syscall
  add $16, %r13
  mov $318, %eax
  mov %r13, %rdi
  mov $16, %esi
  xor %edx, %edx
  syscall
  add $16, %r13
  dec %r14d
  jnz draw
  mov $1, %eax            # write(1, out, 262144)
  mov $1, %edi
  lea out(%rip), %rsi
  mov $262144, %edx
  syscall
  mov $60, %eax
  xor %edi, %edi
  syscall
mem: .asciz "/dev/mem"
word: .ascii "lab: spins\n"
.balign 8
page: .quad 0x1122334455667788
.bss
.lcomm out, 262144
