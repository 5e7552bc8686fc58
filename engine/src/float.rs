// SPDX-License-Identifier: Apache-2.0
//! The floating-point state guests run with: round to nearest, subnormals
//! kept, exceptions masked. What the host had comes back on drop.

pub struct Standard {
    saved: arch::State,
}

impl Standard {
    #[inline]
    pub fn enter() -> Standard {
        let saved = arch::get();
        if saved & arch::CONTROL != arch::STANDARD {
            arch::set(arch::STANDARD);
        }
        Standard { saved }
    }
}

impl Drop for Standard {
    #[inline]
    fn drop(&mut self) {
        if self.saved & arch::CONTROL != arch::STANDARD {
            arch::set(self.saved);
        }
    }
}

/// True on a CPU that can run the profile.
pub fn cpu_is_able() -> bool {
    arch::is_able()
}

/// CPU features that compiled code may depend on.
pub fn cpu_features() -> String {
    arch::features()
}

#[cfg(target_arch = "x86_64")]
mod arch {
    pub type State = u32; // MXCSR
    pub const CONTROL: State = 0xffc0; // all but the sticky exception flags
    pub const STANDARD: State = 0x1f80;

    #[inline]
    pub fn get() -> State {
        let mut state: State = 0;
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut state) };
        state
    }

    #[inline]
    pub fn set(state: State) {
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &state) };
    }

    pub fn is_able() -> bool {
        std::is_x86_feature_detected!("sse4.1")
    }

    pub fn features() -> String {
        let mut list = String::from("x86_64");
        macro_rules! name {
            ($($feature:tt)*) => {$(
                if std::is_x86_feature_detected!($feature) {
                    list.push('+');
                    list.push_str($feature);
                }
            )*};
        }
        name!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma"
            "bmi1" "bmi2" "lzcnt" "cmpxchg16b" "avx512bitalg" "avx512dq"
            "avx512f" "avx512vl" "avx512vbmi");
        list
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    pub type State = u64; // FPCR
    pub const CONTROL: State = u64::MAX;
    pub const STANDARD: State = 0;

    #[inline]
    pub fn get() -> State {
        let state: State;
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) state) };
        state
    }

    #[inline]
    pub fn set(state: State) {
        unsafe { std::arch::asm!("msr fpcr, {}", in(reg) state) };
    }

    pub fn is_able() -> bool {
        true
    }

    pub fn features() -> String {
        let mut list = String::from("aarch64");
        macro_rules! name {
            ($($feature:tt)*) => {$(
                if std::arch::is_aarch64_feature_detected!($feature) {
                    list.push('+');
                    list.push_str($feature);
                }
            )*};
        }
        name!("lse" "paca" "fp16");
        list
    }
}
