//! What Argo CD and kstatus make of an object: the first by our own check in the Lua that Argo CD runs, the second by itself.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::process::Run;
use super::tools;

/// The check that Argo CD is given.
pub fn script() -> String {
    let file = tools::repository().join("deploy/gitops/argocd/health.lua");
    std::fs::read_to_string(file).expect("the health check")
}

/// What Argo CD shows of each of these objects, as `Healthy: the message`.
pub fn argo_cd_shows<'a>(objects: impl Iterator<Item = &'a Value>) -> Vec<String> {
    // Tests ask at the same time.
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let calls: Vec<String> = objects.map(|object| format!("show({})", lua(object))).collect();
    // Argo CD gives a check neither these libraries nor more than a second.
    let program = format!(
        "string, io, os = nil, nil, nil\nlocal function health(obj)\n{}\nend\n\
         local function show(obj)\n  local found = health(obj)\n  print(found.status .. \": \" .. found.message)\nend\n{}",
        script(),
        calls.join("\n")
    );
    let name = format!("health-{}.lua", ASKED.fetch_add(1, Ordering::Relaxed));
    let file = Run::current().folder().join(name);
    std::fs::write(&file, program).expect("write the program");
    let ran = Command::new(tools::folder("lua").join("glua")).arg(&file).output().expect("run glua");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    let shown: Vec<String> = said.lines().map(str::to_owned).collect();
    assert_eq!(shown.len(), calls.len(), "{said}");
    shown
}

/// What kstatus says of each of these objects: `InProgress`, `Failed`, `Current` or `Terminating`.
pub fn kstatus_says<'a>(objects: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let lines: Vec<String> = objects.map(Value::to_string).collect();
    let mut command = Command::new(tools::folder("kstatus").join("kstatus"));
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run tests/kstatus");
    let mut pipe = running.stdin.take().expect("its input");
    let text = lines.join("\n");
    // It answers while it reads: both pipes have to move.
    let writing = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    let ended = running.wait_with_output().expect("it ends");
    writing.join().expect("the writer ends").expect("it reads all");
    assert!(ended.status.success(), "tests/kstatus failed");
    let said: Vec<String> = String::from_utf8_lossy(&ended.stdout).lines().map(str::to_owned).collect();
    assert_eq!(said.len(), lines.len(), "{said:?}");
    said
}

/// Plain data as Lua writes it.
fn lua(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Array(items) => format!("{{{}}}", items.iter().map(lua).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("[{key:?}] = {}", lua(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}
