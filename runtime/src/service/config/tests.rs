use super::*;

const LEAST: &str = "source = \"camera:0\"\n[model]\nfile = \"m.onnx\"\n";

#[test]
fn two_keys_are_enough() {
    let config = Config::parse(LEAST).unwrap();
    assert_eq!((config.source.as_str(), config.model.threads), ("camera:0", 1));
    assert_eq!(config.watchdog.seconds, 60);
    assert!(config.governor.enabled && config.zones.is_empty());
}

#[test]
fn paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("retort.toml");
    std::fs::write(&path, "source = \"film.y4m\"\n[model]\nfile = \"m.onnx\"\n").unwrap();
    let config = Config::read(&path).unwrap();
    assert_eq!(config.model.file, folder.path().join("m.onnx"));
    assert_eq!(config.source, folder.path().join("film.y4m").display().to_string());
    // A key is a file there, or else is the key itself.
    let key = |key: &str| {
        std::fs::write(&path, format!("source = \"-\"\n[model]\nfile = \"m.onnx\"\nkey = \"{key}\"\n")).unwrap();
        Config::read(&path).unwrap().model.key.unwrap()
    };
    assert_eq!(key("retort.pub"), "retort.pub");
    std::fs::write(folder.path().join("retort.pub"), "").unwrap();
    assert_eq!(key("retort.pub"), folder.path().join("retort.pub").display().to_string());
    let error = Config::read(&folder.path().join("none.toml")).unwrap_err().to_string();
    assert!(error.contains("none.toml"), "{error}");
}

#[test]
fn places_are_those_of_the_model() {
    let text = format!(
        "{LEAST}[[zone]]\nname = \"door\"\nclasses = [\"person\"]\ndwell = 10\n\
         [[line]]\nname = \"gate\"\nfrom = [0.5, 1]\nto = [0.5, 0]\n\
         [[mask]]\npoints = [[0, 0], [1, 0], [1, 0.2]]\nhide = true\n"
    );
    let config = Config::parse(&text).unwrap();
    let places = config.places(&["cat".into(), "person".into()]).unwrap();
    assert!(places.zones[0].classes.contain(1) && !places.zones[0].classes.contain(0));
    assert_eq!(places.zones[0].dwell, Some(Duration::from_secs(10)));
    assert_eq!((places.lines[0].forward.as_str(), places.masks[0].hide), ("in", true));
    let error = config.places(&["cat".into()]).unwrap_err();
    assert_eq!(error, "zone `door`: the model has no class `person`; it has: cat");
}

#[test]
fn slips_are_named_with_their_place() {
    let refused = |more: &str| Config::parse(&format!("{LEAST}{more}")).unwrap_err();
    for (more, says) in [
        ("scroe = 0.5\n", "line 4: unknown field `scroe`"),
        ("score = 1.5\n", "model.score"),
        ("score = \"high\"\n", "line 4"),
        ("[camera]\nsize = \"big\"\n", "camera.size"),
        ("[camera]\nrate = 0\n", "camera.rate"),
        ("[[zone]]\nname = \"a\"\npoints = [[0, 0], [1, 1]]\n", "has 2 corners"),
        ("[[zone]]\nname = \"a/b\"\n", "is no name"),
        ("[[zone]]\nname = \"a\"\n[[zone]]\nname = \"a\"\n", "two of this name"),
        ("[[zone]]\nname = \"a\"\ndwell = -1\n", "dwell"),
        ("[[line]]\nname = \"a\"\nfrom = [0, 0]\nto = [0, 0]\n", "ends where it begins"),
        ("[[line]]\nname = \"a\"\nfrom = [0, 0]\nto = [1, 0]\nforward = \"out\"\n", "called the same"),
        ("[governor]\nhot = 50\n", "governor.cool"),
        ("[watchdog]\nseconds = -1\n", "line 5"),
        ("[to.nowhere]\n", "unknown field `nowhere`"),
        ("[to.page]\nlisten = \"0.0.0.0:0\"\n", "give a token"),
        ("[to.page]\nlisten = \"8080\"\n", "to.page.listen"),
        ("[to.page]\ntoken = \"short\"\n", "to.page.token"),
        ("[to.page]\nrate = 0\n", "to.page.rate"),
    ] {
        let said = refused(more);
        assert!(said.contains(says) && !said.contains('\n'), "{more}: {said}");
    }
    assert!(Config::parse("source = 1").unwrap_err().contains("line 1"));
}
