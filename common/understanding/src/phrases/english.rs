//! What people say in English. Apostrophes are left out, as they are in plain sentences.

use super::Known;

pub(super) const KNOWN: [Known; 7] = [
    Known {
        name: "yes",
        phrases: "
            yes, yeah, yep, yup, ya, sure, of course, certainly, absolutely, definitely, okay, ok, alright,
            all right, fine, correct, right, thats right, that is right, thats correct, exactly, please do,
            go ahead, sounds good, i do, i am, i would, i want, im interested, i am interested, speaking,
            thats me, this is he, this is she, why not, affirmative, no problem, no problem at all, no worries,
            not a problem, not bad, i dont mind, i do not mind, i dont see why not, thats fine, very well, that works,
            works for me, i guess so, i think so, i suppose so, uh huh, mm hmm, by all means,
            i dont have a problem, i do not have a problem, i have no problem, no objection, no objections",
        except: "
            are you sure, im not sure, i am not sure, not sure, right now, right away, right here, am i right,
            who i am, i want to know, fine print, not okay, not ok, not fine, what i want, do i want, isnt right,
            definitely not, absolutely not, certainly not, of course not, yes and no, yes or no, is that right,
            is that correct, who is speaking, whos speaking, am i speaking, i speaking, right so, not right,
            not correct, thats not right, thats not correct, i am not, i do not, i would not, right or wrong,
            i want you, i want nothing, not interested, im not interested, i am not interested, not alright,
            not exactly, not definitely, for sure not, i would rather not, no thats fine, im fine thanks",
    },
    Known {
        name: "no",
        phrases: "
            no, nope, nah, no thanks, no thank you, not now, not today, not really, not interested,
            im not interested, i am not interested, no interest, i dont, i do not, i dont want, i do not want,
            i dont need, i do not need, dont want, dont need, do not want, do not need, i wouldnt, i would not,
            never, incorrect, wrong, thats wrong, not right, thats not right, not correct, negative, im not,
            i am not, im good, im fine thanks, i dont think so, i do not think so, id rather not,
            i would rather not, not for me, not right now, definitely not,
            absolutely not, certainly not, of course not, no way, not yet, not at the moment, not this time,
            no thats fine, no thats ok, no thats okay, no thats all right, no thats alright, no im good,
            no im fine, no its fine, no its ok, no its okay",
        except: "
            i dont know, i do not know, dont know, i dont understand, i do not understand, i dont remember,
            i do not remember, i dont hear, i dont recall, no idea, ive no idea, i have no idea, no matter,
            no doubt, no rush, no hurry, no need to hurry, no longer, no one, whether or not, yes or no,
            never mind, whats wrong, is something wrong, whats the matter, never heard, i dont care,
            i do not care, no wonder, no comment, i dont get it, say no more,
            yes and no, nothing wrong, not wrong, right or wrong, im not sure, i am not sure, im not certain,
            i am not certain, not right now please hold, i dont mind, i do not mind, i dont see why not,
            no problem, no worries, no problem at all, i dont have a problem, i do not have a problem,
            i have no problem, no objection, no objections, i dont believe, wrong number, wrong person,
            the wrong person, i dont follow, never better, im not him, im not her, im not busy, im not in a hurry",
    },
    Known {
        name: "opt_out",
        phrases: "
            dont call me again, do not call me again, dont call again, do not call again, dont ever call,
            do not ever call, never call me, never call again, stop calling, stop calling me, quit calling,
            dont call me anymore, do not call me anymore, dont call me any more, dont call this number,
            do not call this number, dont phone me, dont contact me, do not contact me, stop contacting,
            stop bothering me, dont bother me, leave me alone, take me off, take my number off, remove me from,
            remove my number, delete my number, unsubscribe, do not call list, dont call list, opt out,
            opt me out, lose my number, no more calls, stop phoning, stop ringing, quit calling me, block my number, please remove me, erase my number, dont want to hear from you,
            do not want to hear from you, no calls, take my name off,
            block this number,
            quit bothering me, never call here, never phone me, never contact me, stop harassing",
        except: "",
    },
    Known {
        name: "repeat",
        phrases: "
            repeat, repeat that, say again, say that again, say it again, once more, one more time, pardon,
            pardon me, sorry what, what did you say, come again, i didnt hear, i didnt catch, i cant hear you,
            excuse me, i beg your pardon",
        except: "no need to repeat, dont repeat",
    },
    Known {
        name: "person",
        phrases: "
            a person, real person, a human, human, human being, an agent, agent, representative, operator,
            customer service, somebody real, someone real, talk to someone, talk to somebody, speak to someone,
            speak to somebody, are you a robot, are you a machine",
        except: "human resources, human rights, not a person, no human",
    },
    Known {
        name: "busy",
        phrases: "
            im busy, i am busy, im driving, i am driving, im in a meeting, i am in a meeting, im at work,
            call me later, call later, call back later, call me back, call me tomorrow, call tomorrow, call me on, call me in, call me at, call me after,
            call me next, call back tomorrow, another time, some other time, bad time,
            not a good time, cant talk, cannot talk, cant talk now, later",
        except: "sooner or later, see you later, talk to you later, later than, speak to you later",
    },
    Known {
        name: "wrong_person",
        phrases: "
            wrong number, wrong person, you have the wrong number, youve got the wrong number, not me,
            thats not me, thats not my name, nobody by that name, no one by that name, nobody here by,
            no one here by, doesnt live here, does not live here, doesnt work here, does not work here",
        except: "",
    },
];
