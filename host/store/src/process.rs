//! This process, told apart from every other on any machine, and whether another one is certainly dead.

use std::fs;
use std::path::Path;

/// Names this process: the boot of its machine, its namespace of process ids, its id there, and when it started. Empty when the
/// system does not say; then nobody can tell that it is dead.
pub(crate) fn own() -> String {
    let of_self = || {
        let (boot, space) = here()?;
        let (_, started) = stat(std::process::id())?;
        Some(format!("{boot} {space} {} {started}", std::process::id()))
    };
    of_self().unwrap_or_else(|| format!("? ? {} ?", std::process::id()))
}

/// The process id in a name that [`own`] gave.
pub(crate) fn id(name: &str) -> Option<&str> {
    name.split(' ').nth(2)
}

/// Whether the process of this name is certainly dead. One on another machine, of an earlier boot or in another container may be
/// alive as far as can be seen from here.
pub(crate) fn is_dead(name: &str) -> bool {
    let parts: Vec<&str> = name.split(' ').collect();
    let [boot, space, id, started] = parts[..] else { return false };
    let Some((own_boot, own_space)) = here() else { return false };
    let Ok(id) = id.parse::<u32>() else { return false };
    if (boot, space) != (&own_boot, &own_space) || started == "?" {
        return false;
    }
    match stat(id) {
        // Killed, and only waits for its parent to look.
        Some((state, _)) if matches!(state.as_str(), "Z" | "X") => true,
        Some((_, since)) => since != started,
        None => !Path::new(&format!("/proc/{id}")).exists(),
    }
}

/// The boot and the namespace that this process lives in.
fn here() -> Option<(String, String)> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
    let space = fs::read_link("/proc/self/ns/pid").ok()?.to_str()?.to_owned();
    (!boot.contains(' ') && !space.contains(' ')).then_some((boot, space))
}

/// State and start of a process, as the kernel has them.
fn stat(id: u32) -> Option<(String, String)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Behind the program's name, which may hold anything.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    Some(((*fields.first()?).to_owned(), (*fields.get(19)?).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_dead_only_when_that_is_certain() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("every system has sleep");
        let of = |id: u32, started: &str| {
            let (boot, space) = here().expect("Linux says");
            format!("{boot} {space} {id} {started}")
        };
        let (_, started) = stat(child.id()).expect("it runs");
        let name = of(child.id(), &started);
        assert!(!is_dead(&own()) && !is_dead(&name));
        assert!(is_dead(&of(child.id(), "1")), "another process had this id before");
        for unknown in ["", "?", "? ? 1 ?", "other-boot pid:[1] 4000000 5"] {
            assert!(!is_dead(unknown), "{unknown}");
        }
        child.kill().expect("it is ours");
        while stat(child.id()).is_some_and(|(state, _)| state != "Z") {
            std::thread::yield_now();
        }
        assert!(is_dead(&name), "killed, though nobody has looked yet");
        child.wait().expect("it ended");
        assert!(is_dead(&name));
    }
}
