//! Nothing that a callee says or presses chooses whom we pay to call.

use std::sync::Arc;
use std::time::Instant;

use peal_script::{Action, Fault, Input, Program, Run};

fn program(to: &str) -> Result<Program, Vec<Fault>> {
    let yaml = format!(
        "
name: x
variables: {{mine: '+4989123456'}}
steps:
- {{do: collect, max_digits: 10}}
- {{do: transfer, to: {to:?}, failed: sorry}}
- {{do: hang_up, id: sorry, disposition: '{{{{error}}}}'}}
"
    );
    Program::new(&peal_script::read(&yaml).unwrap_or_else(|error| panic!("{error}")))
}

/// To whom the callee is given, with this known of the contact; `None` when it fails.
fn given_to(to: &str, desk: &str) -> Option<String> {
    let program = program(to).unwrap_or_else(|faults| panic!("{to}: {faults:#?}"));
    let now = Instant::now();
    let mut run = Run::new(Arc::new(program), [("desk".to_owned(), desk.to_owned())].into());
    run.handle_input(now, Input::Answered);
    run.handle_input(run.poll_timeout().expect("no key comes"), Input::Time);
    let given = run.poll_action();
    if let Some(Action::Transfer { to, .. }) = given {
        return Some(to);
    }
    assert_eq!(given, None, "it fails in its own time");
    run.handle_input(run.poll_timeout().expect("soon"), Input::Time);
    assert_eq!(run.value("error"), "transfer");
    assert!(matches!(run.poll_action(), Some(Action::End(_))));
    None
}

#[test]
fn what_a_callee_presses_says_or_a_server_answers_is_no_address() {
    for to in
        ["+{{digits}}", "+{{said}}", "{{mine}}", "sip:{{digits}}@pbx.example", "sip:{{error}}@pbx.example"]
    {
        let faults = program(to).expect_err(to);
        assert!(faults[0].problem.contains("neither what a callee says"), "{to}: {faults:?}");
    }
}

#[test]
fn the_host_is_the_scripts() {
    for to in [
        "sip:{{contact.desk}}",
        "sip:a@{{contact.desk}}",
        "sip:a@{{contact.desk}}.example",
        "sip:{{contact.desk}}@",
        "sip:{{contact.desk}}@evil.example;{{contact.desk}}@pbx.example",
        "sip:",
    ] {
        let faults = program(to).expect_err(to);
        assert!(faults[0].problem.contains("must name the host itself"), "{to}: {faults:?}");
    }
}

#[test]
fn a_number_is_whole() {
    for to in [
        "+{{contact.desk}}",
        "+49{{contact.desk}}",
        "{{contact.desk}}1",
        "+49 89 1",
        "+0891234567",
        "0891234567",
        "tel:+4989123456",
    ] {
        let faults = program(to).expect_err(to);
        assert_eq!(faults[0].path(), "steps[1].to", "{faults:?}");
    }
}

#[test]
fn the_contacts_own_data_may_be_a_number_or_a_user() {
    assert_eq!(given_to("+4989123456", "").as_deref(), Some("+4989123456"));
    assert_eq!(given_to("{{contact.desk}}", " +49891234567 ").as_deref(), Some("+49891234567"));
    assert_eq!(given_to("{{contact.desk|+4989123456}}", "").as_deref(), Some("+4989123456"));
    assert_eq!(given_to("sip:{{contact.desk|all}}@pbx.example", "").as_deref(), Some("sip:all@pbx.example"));
    let evil = "1;x@evil.example?Y=\r\nZ";
    let escaped = "sip:1%3Bx%40evil.example%3FY%3D%0D%0AZ@pbx.example";
    assert_eq!(given_to("sip:{{contact.desk}}@pbx.example", evil).as_deref(), Some(escaped));
    for none in ["", "0900123456", "sip:a@evil.example", "+4989123456@evil.example"] {
        assert_eq!(given_to("{{contact.desk}}", none), None, "{none}");
    }
    assert_eq!(given_to("sip:{{contact.desk}}@pbx.example", ""), None);
}
